"""Outcomes: how jobs end, in words."""

from __future__ import annotations

from typing import Any

from wan_lora_studio.errors import GenerationError, StudioError
from wan_lora_studio.jobs.job import Job, JobState
from wan_lora_studio.texts import say


def interrupted(reason: str) -> StudioError:
    return GenerationError(
        say("jobs.outcome.interrupted", reason=reason),
        cause=say("jobs.outcome.interrupted_cause"),
        suggestions=[
            say("jobs.outcome.run_again"),
            say("jobs.outcome.smaller"),
        ],
        context={"reason": reason},
    )


def unexpected(error: Exception) -> StudioError:
    """The end of a job that the queue itself could not go on with."""
    return StudioError(
        say("jobs.outcome.unexpected", kind=type(error).__name__, reason=error),
        cause=say("jobs.outcome.unexpected_cause"),
        suggestions=[
            say("jobs.outcome.run_again"),
            say("jobs.outcome.report"),
        ],
    )


def batch_outcome(job: Job | None) -> tuple[JobState, dict[str, Any] | None]:
    """State and error of a batch, none of whose parts is still to be run."""
    parts = () if job is None else job.parts
    failed = [part for part in parts if part.state == "failed"]
    if failed:
        return "failed", _some_failed(failed, len(parts)).to_dict()
    done = all(part.state == "done" for part in parts)
    return ("done" if done else "cancelled"), None


def _some_failed(failed: list[Any], count: int) -> StudioError:
    errors = [part.error or {} for part in failed]
    messages = list(dict.fromkeys(str(error.get("message", "")) for error in errors))
    suggestions = dict.fromkeys(s for error in errors for s in error.get("suggestions", ()))
    return GenerationError(
        say(
            "jobs.outcome.some_failed", failed=len(failed), count=count, reasons=" ".join(messages)
        ),
        suggestions=[say("jobs.outcome.retry"), *suggestions],
        context={"parts": [part.label for part in failed]},
    )
