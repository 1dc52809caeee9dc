"""Time left of a batch, from how long its videos took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from wan_lora_studio.jobs.job import JobPart
from wan_lora_studio.jobs.supervisor.stage_times import work

AFTER_SAMPLING = ("decode", "write")


class Pace:
    """Measures the videos of one batch by a clock that only goes forward.

    Videos of a batch may differ in size or steps, so each counts by the work that it is.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._work = 0.0
        self._began: float | None = None

    def begin(self) -> None:
        """A video begins now."""
        self._began = time.monotonic()

    def end(self, part: JobPart) -> None:
        """That video is done."""
        if self._began is not None:
            self._seconds += time.monotonic() - self._began
            self._work += work(part.task)
        self._began = None

    def seconds_left(
        self, part: JobPart, waiting: Sequence[JobPart], progress: Mapping[str, Any]
    ) -> float | None:
        """To the end of the last video; None while nothing has been measured yet.

        `part` is the video that runs, `progress` its own; `waiting` those after it.
        """
        spent = 0.0 if self._began is None else time.monotonic() - self._began
        own = progress.get("run_seconds_left")
        if own is None:
            own = 0.0 if progress.get("stage") in AFTER_SAMPLING else progress.get("seconds_left")
        rest = sum(work(each.task) for each in waiting)
        if self._work:
            each = self._seconds / self._work
            here = each * work(part.task) - spent
            return max(here, own or 0.0, 0.0) + each * rest
        if own is None:
            return None
        return float(own) + (spent + float(own)) * rest / work(part.task)
