"""Job: one job of the queue, and the parts of a batch, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wan_lora_studio.grid import NamedGrid
from wan_lora_studio.wan.task import GenerationTask, Progress

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
OPEN_STATES: tuple[JobState, ...] = ("queued", "running")
FINISHED_STATES: tuple[JobState, ...] = ("done", "failed", "cancelled", "interrupted")
RETRYABLE_STATES: tuple[JobState, ...] = ("failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class Part:
    """One video of a batch: the task with some fields changed, and what to call it.

    `preview_of` names a LoRA whose picture and clip the video becomes.
    """

    label: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    preview_of: str = ""


@dataclass(frozen=True)
class JobPart:
    """A part in the queue. `id` is its task's id, by which its result is found; `number` is its
    place in the batch from 1, 0 until the queue has it.

    `preview_note` is None until the video is kept as the preview of the LoRA `preview_of`; then
    "", or why it could not be kept.
    """

    id: str
    label: str
    changes: dict[str, Any]
    task: GenerationTask
    state: JobState = "queued"
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    started: float | None = None
    finished: float | None = None
    number: int = 0
    preview_of: str = ""
    preview_note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; the whole task is the job's with `changes`."""
        return {
            "id": self.id,
            "label": self.label,
            "changes": dict(self.changes),
            "state": self.state,
            "result": self.result,
            "error": self.error,
            "started": self.started,
            "finished": self.finished,
            "preview_of": self.preview_of or None,
            "preview_note": self.preview_note,
        }


@dataclass(frozen=True)
class Job:
    """A video, or a batch of them, that was asked for, and what became of it.

    `progress` is `Progress.to_dict()` and `preview_version`, which grows with every preview
    picture, with `run_seconds_left` and `share` of all stages; for a batch also `part` (from 1),
    `parts`, `label` and `batch_seconds_left`. `result`
    is `GenerationResult.to_dict()`, for a batch None: each part has its own. `error` is
    `StudioError.to_dict()`. Times are seconds since 1970. `position` is the place in the queue
    from 1; 0 once it has left it. A higher `priority` runs first. `grid` is what the parts are
    cells of, row by row; None for any other batch.
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
    priority: int = 0
    parts: tuple[JobPart, ...] = ()
    grid: NamedGrid | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {
            "id": self.id,
            "state": self.state,
            "task": self.task.to_dict(),
            "parts": [{**part.to_dict(), "cell": self.cell(part)} for part in self.parts],
            "grid": None if self.grid is None else self.grid.to_dict(),
            "progress": self.progress,
            "result": self.result,
            "error": self.error,
            "warnings": self.warnings,
            "priority": self.priority,
            "position": self.position,
            "created": self.created,
            "started": self.started,
            "finished": self.finished,
        }

    def cell(self, part: JobPart) -> list[int] | None:
        """Column and row of a part, from 0; None where the job is no grid."""
        return None if self.grid is None else list(self.grid.position(part.number))

    @property
    def warnings(self) -> list[str]:
        """What is to be known of the task before it runs, each once."""
        tasks = [self.task, *(part.task for part in self.parts)]
        return list(dict.fromkeys(text for task in tasks for text in task.prompt_warnings))

    def summary(self) -> dict[str, Any]:
        """What a queue list shows."""
        return {
            "id": self.id,
            "state": self.state,
            "position": self.position,
            "priority": self.priority,
            "model_type": self.task.model_type,
            "prompt": self.task.prompt,
            "loras": list(self.task.selected_loras),
            "parts": [
                {
                    "id": part.id,
                    "label": part.label,
                    "state": part.state,
                    "preview_of": part.preview_of or None,
                }
                for part in self.parts
            ],
            "grid": None if self.grid is None else self.grid.to_dict(),
            "error": None if self.error is None else self.error.get("message"),
            "created": self.created,
            "started": self.started,
            "finished": self.finished,
        }


def waiting_progress() -> dict[str, Any]:
    """The progress of a job that has not begun."""
    return {**Progress(stage="queued").to_dict(), "preview_version": 0}
