"""Stands for a device whose memory is full at one point of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from wan_lora_studio.wan.task import Progress


class FullMemory(TorchDispatchMode):
    """At the first operation of a stage, or after a step of it, there is no memory: `times` times.

    Give `watch` the run's progress, by which it knows where the run is.
    """

    def __init__(self, stage: str, *, step: int = 0, times: int = 1) -> None:
        super().__init__()
        self._stage, self._step, self._times = stage, step, times
        self._full = False
        self.failures = 0

    def watch(self, progress: Progress) -> None:
        here = progress.stage == self._stage and progress.step == self._step
        self._full = here and self.failures < self._times

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if self._full:
            self._full = False
            self.failures += 1
            raise torch.OutOfMemoryError("no memory is left for this operation")
        return func(*args, **(kwargs or {}))
