"""Current job: the one that a supervisor has in hand."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from wan_lora_studio.jobs.job import Job, JobPart
from wan_lora_studio.jobs.supervisor.run_clock import RunClock
from wan_lora_studio.jobs.supervisor.time_left import Pace
from wan_lora_studio.lora.index import Pins
from wan_lora_studio.wan.task import GenerationTask


@dataclass
class Run:
    """The job that this supervisor has, and the part of it that the worker has.

    `part` is None for a job without parts, and between two parts; `begun` once the worker said
    so, `working` while something is with the worker. `clock` is that of the video that is made,
    `shown` when its time left was last told.
    """

    job: Job
    pins: Pins
    part: JobPart | None = None
    working: bool = False
    begun: bool = False
    cancel_deadline: float | None = None
    saved: float = 0.0
    shown: float = 0.0
    clock: RunClock | None = None
    pace: Pace = field(default_factory=Pace)

    @property
    def task(self) -> GenerationTask:
        """Of the video that is made."""
        return self.job.task if self.part is None else self.part.task

    def told(self, progress: dict[str, Any]) -> dict[str, Any]:
        """The worker's progress, with the time to the end of the video and of the batch."""
        if self.clock is None:
            return progress
        self.shown = time.monotonic()
        return self._in_batch({**progress, **self.clock.told()})

    def _in_batch(self, progress: dict[str, Any]) -> dict[str, Any]:
        """With which part of the batch it is about, and the time for all that are still to be
        made."""
        if self.part is None:
            return progress
        ids = [part.id for part in self.job.parts]
        index = ids.index(self.part.id)
        waiting = [part for part in self.job.parts[index + 1 :] if part.state == "queued"]
        return {
            **progress,
            "part": index + 1,
            "parts": len(ids),
            "label": self.part.label,
            "batch_seconds_left": self.pace.seconds_left(self.part, waiting, progress),
        }
