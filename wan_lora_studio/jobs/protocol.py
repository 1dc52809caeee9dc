"""Protocol between page and worker: plain values, sent through one pipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Command:
    """From the queue to the worker. `task` is `GenerationTask.to_dict()`, `pins` the LoRA files
    that are held for it, each `PinnedLoRA.to_dict()`, by name; `loras` names those to preload,
    which is not answered."""

    kind: Literal["run", "load", "preload", "cancel", "stop"]
    job_id: str = ""
    task: dict[str, Any] = field(default_factory=dict)
    pins: dict[str, Any] = field(default_factory=dict)
    model_type: str = ""
    loras: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """From the worker to the queue.

    `data` is a progress, a result or an error, as the kind says; `runner` is what the worker
    holds (model, device, loras, memory), given where it may have changed. `accepted` means that
    a job has begun. `ended` is the last report of a worker, made for it when its process is gone.
    """

    kind: Literal[
        "started",
        "broken",
        "loaded",
        "load_failed",
        "accepted",
        "progress",
        "done",
        "failed",
        "cancelled",
        "ended",
    ]
    job_id: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    preview: bytes | None = None
    runner: dict[str, Any] | None = None
