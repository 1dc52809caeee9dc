"""One job of the queue: a plain value."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.wan.task import GenerationTask, Progress

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
OPEN_STATES: tuple[JobState, ...] = ("queued", "running")


@dataclass(frozen=True)
class Job:
    """A video that was asked for, and what became of it.

    `progress` is `Progress.to_dict()` and `preview_version`, which grows with every preview
    picture. `result` is `GenerationResult.to_dict()`, `error` is `StudioError.to_dict()`. Times
    are seconds since 1970. `position` is the place in the queue from 1; 0 once it has left it.
    """

    id: str
    state: JobState
    task: GenerationTask
    created: float
    progress: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    started: float | None = None
    finished: float | None = None
    position: int = 0

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        plain = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {**plain, "task": self.task.to_dict()}

    def summary(self) -> dict[str, Any]:
        """What a queue list shows."""
        return {
            "id": self.id,
            "position": self.position,
            "model_type": self.task.model_type,
            "prompt": self.task.prompt,
            "loras": list(self.task.selected_loras),
            "created": self.created,
        }


def waiting_progress() -> dict[str, Any]:
    """The progress of a job that has not begun."""
    return {**Progress(stage="queued").to_dict(), "preview_version": 0}
