"""Run clock: how far a run is through all its stages, and the time to its end."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from wan_lora_studio.jobs.supervisor.stage_times import STAGES
from wan_lora_studio.wan.task import GenerationTask

# Shares of a run whose times nothing is known about.
USUAL_SHARES = {
    "load": 0.08,
    "apply": 0.03,
    "text": 0.03,
    "sample": 0.54,
    "decode": 0.28,
    "write": 0.04,
}
OVERDUE = 0.1  # of what a stage took so far is still to come once it is past what was expected


class RunClock:
    """Follows one video by the worker's progress. Times are of a clock that only goes forward."""

    def __init__(self, task: GenerationTask, expected: Mapping[str, float]) -> None:
        """`expected` is in seconds by stage, empty where nothing is known."""
        self._task = task
        self._expected = expected
        self._stage = STAGES[0]
        self._began = self._entered = time.monotonic()
        self._progress: Mapping[str, Any] = {}
        self._step = 0
        self._step_at = self._began
        self._step_seconds: dict[str, list[float]] = defaultdict(list)
        self._share = 0.0

    def begin(self) -> None:
        """The worker begins now."""
        self._began = self._entered = time.monotonic()

    def take(self, progress: Mapping[str, Any]) -> None:
        """The worker is at a stage, or has made a step."""
        stage = progress.get("stage")
        if stage not in STAGES:
            return
        now = time.monotonic()
        if stage != self._stage:
            if STAGES.index(stage) < STAGES.index(self._stage):
                self._share = 0.0  # a stage is done again
            self._stage, self._entered = stage, now
            self._step, self._step_at = 0, now
        self._progress = progress
        step = int(progress.get("step") or 0)
        if stage == "sample" and step > self._step:
            each = (now - self._step_at) / (step - self._step)
            self._step_seconds[progress.get("expert") or "high"].append(each)
            self._step, self._step_at = step, now

    def told(self) -> dict[str, float | None]:
        """`run_seconds_left` to the end of the video, None while that is not known; `share` of
        the run that is done, from 0 to 1."""
        left = self._left()
        if left is None:
            done = self._usual_share()
        else:
            spent = time.monotonic() - self._began
            done = spent / (spent + left) if spent + left else 0.0
        self._share = max(self._share, done)
        return {
            "run_seconds_left": None if left is None else round(left, 1),
            "share": round(self._share, 4),
        }

    def _left(self) -> float | None:
        if not self._expected:
            return None
        after = STAGES[STAGES.index(self._stage) + 1 :]
        return self._left_here() + sum(self._expected[stage] for stage in after)

    def _left_here(self) -> float:
        """To the end of the stage."""
        now = time.monotonic()
        if self._stage == "sample" and (by_steps := self._left_by_steps(now)) is not None:
            return by_steps
        spent = now - self._entered
        return max(self._expected[self._stage] - spent, OVERDUE * spent)

    def _left_by_steps(self, now: float) -> float | None:
        """By the steps that were made; those of the other expert by its passes of the model."""
        steps = int(self._progress.get("steps") or 0)
        if not self._step_seconds or not steps:
            return None
        high = self._progress.get("high_steps")
        bounds = {"high": steps if high is None else int(high), "low": steps}
        left, done = 0.0, self._step
        for expert, end in bounds.items():
            left += max(0, end - done) * self._per_step(expert)
            done = max(done, end)
        return max(0.0, left - min(now - self._step_at, self._next_step()))

    def _next_step(self) -> float:
        """Of the step that is being made, what may be passed: a step is never quite over."""
        expert = self._progress.get("expert") or "high"
        return self._per_step(expert) if self._step < int(self._progress["steps"]) else 0.0

    def _per_step(self, expert: str) -> float:
        if measured := self._step_seconds.get(expert):
            # The first one may load or compile what the others then have.
            return statistics.median(measured[1:] or measured)
        other = next(iter(self._step_seconds))
        return self._per_step(other) * self._passes(expert) / self._passes(other)

    def _passes(self, expert: str) -> int:
        """Of the model for one step: with guidance it is asked twice."""
        high, low = self._task.guidance_scale, self._task.guidance_scale_2
        guidance = high if expert == "high" or low is None else low
        return 2 if (guidance or 1.0) > 1.0 else 1

    def _usual_share(self) -> float:
        before = STAGES[: STAGES.index(self._stage)]
        done = sum(USUAL_SHARES[stage] for stage in before)
        steps = int(self._progress.get("steps") or 0)
        if self._stage == "sample" and steps:
            done += USUAL_SHARES["sample"] * self._step / steps
        return done
