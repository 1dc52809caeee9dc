"""Status of a worker: what its supervisor last knew, in whole values that any thread may read."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from wan_lora_studio.jobs.job import Job

WorkerState = Literal["stopped", "starting", "loading", "ready", "busy", "restarting", "failed"]


@dataclass(frozen=True)
class WorkerStatus:
    """The worker as a status line shows it. `memory` is in bytes; `loras` is by name; `offload`
    says which parts of the loaded model wait on the host, and `offload_reason` says why.
    `trouble` is why no work can be handed out at the moment, "" if it can."""

    state: WorkerState = "stopped"
    model: str | None = None
    device: str = ""
    offload: str = ""
    offload_reason: str = ""
    detail: str = ""
    loras: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    trouble: str = ""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Tally:
    """What was done since the start: videos by how they ended, seconds by stage of those done."""

    videos: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    restarts: int = 0

    def with_video(self, state: str, timings: dict[str, float]) -> Tally:
        seconds = {
            stage: self.seconds.get(stage, 0.0) + timings.get(stage, 0.0)
            for stage in {**self.seconds, **timings}
        }
        videos = {**self.videos, state: self.videos.get(state, 0) + 1}
        return dataclasses.replace(self, videos=videos, seconds=seconds)

    def with_restart(self) -> Tally:
        return dataclasses.replace(self, restarts=self.restarts + 1)


class Board:
    """The worker's status, and progress and newest preview of the job that runs or ran last."""

    def __init__(self) -> None:
        self.worker = WorkerStatus()
        self.tally = Tally()
        self._progress: tuple[str, dict[str, Any]] = ("", {})
        self._preview: tuple[str, bytes | None] = ("", None)

    def show(self, **changes: Any) -> None:
        """Change fields of the worker's status."""
        self.worker = dataclasses.replace(self.worker, **changes)

    def begin(self, job: Job) -> None:
        self._progress = (job.id, job.progress)
        self._preview = (job.id, None)

    def advance(self, job_id: str, progress: dict[str, Any], preview: bytes | None) -> None:
        """Take the newest progress, counting the previews."""
        version = self._progress[1].get("preview_version", 0)
        if preview is not None:
            self._preview = (job_id, preview)
            version += 1
        self._progress = (job_id, {**progress, "preview_version": version})

    def progress(self, job_id: str) -> dict[str, Any] | None:
        known_id, progress = self._progress
        return progress if known_id == job_id else None

    def preview(self, job_id: str) -> bytes | None:
        known_id, picture = self._preview
        return picture if known_id == job_id else None


class RevisionCounter:
    """A number for a value: the same while the value is, a larger one when it changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = ""
        # Begins at the clock, so that a page which outlives a restart sees a new number.
        self._number = time.time_ns() // 1_000_000

    def number(self, value: dict[str, Any]) -> int:
        text = json.dumps(value, sort_keys=True, default=str)
        with self._lock:
            if text != self._last:
                self._number, self._last = self._number + 1, text
            return self._number
