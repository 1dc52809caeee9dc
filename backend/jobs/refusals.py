"""Why something cannot be done to a job, in words."""

from __future__ import annotations

from backend.errors import GenerationError, StudioError
from backend.jobs.job import Job

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
