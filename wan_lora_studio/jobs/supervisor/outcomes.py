"""Outcomes: how jobs end, in words."""

from __future__ import annotations

from typing import Any

from wan_lora_studio.errors import GenerationError, StudioError
from wan_lora_studio.jobs.job import Job, JobState


def interrupted(reason: str) -> StudioError:
    return GenerationError(
        f"The video was not finished: {reason}.",
        cause="The process that made it ended first; what it had so far cannot be continued.",
        suggestions=[
            "Run it again: the seed is kept, so the video will be the same.",
            "If it happens again, use fewer frames or a smaller size.",
        ],
        context={"reason": reason},
    )


def unexpected(error: Exception) -> StudioError:
    """The end of a job that the queue itself could not go on with."""
    return StudioError(
        f"The queue could not go on with this run: {type(error).__name__}: {error}.",
        cause="Part of what was saved for the run is not in the expected form.",
        suggestions=[
            "Run it again: the seed is kept, so the video will be the same.",
            "If it happens again, report it with the diagnostics.",
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
        f"{len(failed)} of {count} videos could not be made: {' '.join(messages)}",
        suggestions=["Retry: only what is not there yet is made.", *suggestions],
        context={"parts": [part.label for part in failed]},
    )
