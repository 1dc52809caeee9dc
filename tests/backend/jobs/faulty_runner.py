"""The real runner on hardware that fails: the prompt says where.

`full at STAGE: …` has no memory at that stage until the ladder has nothing left; `full once at
STAGE: …` only the first time. After each run the state of the model is noted in `states.txt`, so
that a test can compare it.
"""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from full_memory import FullMemory

from backend.jobs.runner import GenerationRunner
from backend.settings import Settings
from backend.wan.pinned import Pins
from backend.wan.task import GenerationResult, GenerationTask, Progress


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
        stage = words.split()[-1] if words.startswith("full ") else ""
        memory = FullMemory(stage, times=1 if " once " in words else 100)

        def watch(progress: Progress) -> None:
            memory.watch(progress)
            on_progress(progress)

        try:
            with memory if stage else nullcontext():
                return super().run(task, watch, cancel, pins)
        finally:
            self._note(task)

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
