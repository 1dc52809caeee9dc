"""The real runner on hardware that fails: the prompt says where.

`full at STAGE: …` has no memory at that stage until the ladder has nothing left; `full once at
STAGE: …` only the first time. `dies at STAGE: …` is killed there the first
time. `disk at write: …` has no disk, `clock at STAGE: …` a clock that goes
back a day there. After each run the state of the model is noted in `states.txt`, so that a test
can compare it.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any

import torch

from tests.support.machine.full_memory import FullMemory
from tests.support.machine.moved_clock import DAY, clock_moved
from tests.support.machine.system_limits import full_disk, full_memory
from wan_lora_studio.jobs.worker.runner import GenerationRunner
from wan_lora_studio.lora.index.pins import Pins
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.task import GenerationResult, GenerationTask, Progress


class FaultyRunner(GenerationRunner):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._settings = settings

    def run(
        self,
        task: GenerationTask,
        on_progress: Callable[[Progress], None],
        cancel: Callable[[], bool],
        pins: Pins,
    ) -> GenerationResult:
        words, _, _ = task.prompt.partition(":")
        fault, stage = (words.split()[0], words.split()[-1]) if " at " in words else ("", "")
        memory = FullMemory(stage, times=1 if " once " in words else 100)
        if stage == "load":
            self._models.unload()

        with ExitStack() as lifted:

            def watch(progress: Progress) -> None:
                if fault == "full":
                    memory.watch(progress)
                if progress.stage == stage:
                    self._fail(fault, stage, lifted)
                on_progress(progress)

            try:
                with memory if fault == "full" else nullcontext():
                    return super().run(task, watch, cancel, pins)
            finally:
                lifted.close()
                self._note(task)

    def _fail(self, fault: str, stage: str, lifted: ExitStack) -> None:
        """From now on, until `lifted` is closed."""
        if fault == "disk":
            lifted.enter_context(full_disk(2000))
        elif fault == "clock":
            lifted.enter_context(clock_moved(-DAY))
        elif fault == "dies" and not (mark := self._settings.data_dir / "died").exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        elif (fault, stage) == ("full", "write"):  # not torch's memory, but the encoder's
            lifted.enter_context(full_memory(1 << 20))

    def _note(self, task: GenerationTask) -> None:
        model = self._models.current
        state = {
            "id": task.id,
            "weights": None if model is None else weights_hash(model.pipeline),
            "held": held_bytes(),
        }
        with (self._settings.data_dir / "states.txt").open("a") as file:
            file.write(json.dumps(state) + "\n")


def weights_hash(pipeline: Any) -> str:
    """Of both transformers, bit by bit."""
    found = hashlib.sha256()
    for part in (pipeline.transformer, pipeline.transformer_2):
        for name, value in sorted(part.state_dict().items()):
            found.update(name.encode())
            found.update(value.contiguous().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def held_bytes() -> int:
    """Of all tensors that are alive."""
    gc.collect()
    storages = {
        item.untyped_storage().data_ptr(): item.untyped_storage().nbytes()
        for item in gc.get_objects()
        if type(item) in (torch.Tensor, torch.nn.Parameter) and not item.is_meta
    }
    return sum(storages.values())
