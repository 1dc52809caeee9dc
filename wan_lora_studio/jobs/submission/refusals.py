"""Refusals: why something cannot be done to a job, in words."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from wan_lora_studio.errors import GenerationError, StorageError, StudioError
from wan_lora_studio.jobs.job import Job
from wan_lora_studio.storage_faults import fault_of
from wan_lora_studio.texts import say

P = ParamSpec("P")
R = TypeVar("R")

STATES = {
    "queued": say("jobs.refusal.queued"),
    "running": say("jobs.refusal.running"),
    "done": say("jobs.refusal.done"),
    "failed": say("jobs.refusal.failed"),
    "cancelled": say("jobs.refusal.cancelled"),
    "interrupted": say("jobs.refusal.interrupted"),
}


def no_such_job(job_id: str) -> StudioError:
    return GenerationError(
        say("ui.messages.no_job"),
        cause=say("ui.messages.job_gone_cause"),
        suggestions=[say("ui.messages.reload_runs")],
        context={"job": job_id, "status": 404},
    )


def not_now(job: Job, what: str, suggestion: str) -> StudioError:
    """The job is in a state in which that cannot be done to it; `what` says what."""
    return GenerationError(
        say("jobs.refusal.not_now", what=what, state=STATES[job.state]),
        suggestions=[suggestion],
        context={"job": job.id, "state": job.state, "status": 409},
    )


def has_begun(job: Job) -> StudioError:
    """Some of the batch was made already, and goes with the parts that the job has."""
    return GenerationError(
        say("jobs.refusal.has_begun"),
        suggestions=[say("jobs.refusal.task_alone")],
        context={"job": job.id, "state": job.state, "status": 409},
    )


def written(change: Callable[P, R]) -> Callable[P, R]:
    """A change of the queue, whose refusal by the disk becomes a GenerationError in words."""

    @functools.wraps(change)
    def told(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return change(*arguments, **options)
        except (OSError, sqlite3.Error, StorageError) as error:
            raise _not_written(error) from error

    return told


def _not_written(error: Exception) -> StudioError:
    if not isinstance(error, StorageError):
        place = getattr(error, "filename", None)
        fault = fault_of(error, Path(place)) if place else None
        return GenerationError(
            say("jobs.refusal.not_written", reason=f"{error}."),
            cause=fault.cause if fault else say("jobs.refusal.file"),
            suggestions=[
                fault.suggestion if fault else say("jobs.refusal.check_disk"),
                say("jobs.refusal.try_again"),
            ],
            context={"status": fault.status if fault else 507},
        )
    return GenerationError(
        say("jobs.refusal.not_written", reason=error.message),
        cause=error.cause,
        suggestions=[*error.suggestions, say("jobs.refusal.try_again")],
        context={"status": error.context["status"]},
    )
