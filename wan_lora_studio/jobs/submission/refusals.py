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

P = ParamSpec("P")
R = TypeVar("R")

STATES = {
    "queued": "is waiting in the queue",
    "running": "is running",
    "done": "is done",
    "failed": "has failed",
    "cancelled": "was cancelled",
    "interrupted": "was interrupted",
}


def no_such_job(job_id: str) -> StudioError:
    return GenerationError(
        "There is no run with this id.",
        cause="It was cleared from the queue, or the id is that of another installation.",
        suggestions=["Reload the page to see the runs that there are."],
        context={"job": job_id, "status": 404},
    )


def not_now(job: Job, verb: str, suggestion: str) -> StudioError:
    """The job is in a state in which that cannot be done to it."""
    return GenerationError(
        f"This run cannot be {verb}: it {STATES[job.state]}.",
        suggestions=[suggestion],
        context={"job": job.id, "state": job.state, "status": 409},
    )


def has_begun(job: Job) -> StudioError:
    """Some of the batch was made already, and goes with the parts that the job has."""
    return GenerationError(
        "This run cannot be given other parts: some of them were made already.",
        suggestions=["Change its task alone, or duplicate it and edit the copy."],
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
            f"The queue could not be changed: {error}.",
            cause=fault.cause if fault else "A file of the queue cannot be written.",
            suggestions=[
                fault.suggestion if fault else "Check the disk of data_dir, then try again.",
                "Nothing was changed, so try again then.",
            ],
            context={"status": fault.status if fault else 507},
        )
    return GenerationError(
        f"The queue could not be changed: {error.message}",
        cause=error.cause,
        suggestions=[*error.suggestions, "Nothing was changed, so try again then."],
        context={"status": error.context["status"]},
    )
