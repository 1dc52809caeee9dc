"""Runner: what makes the videos inside the worker process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import psutil

from wan_lora_studio.errors import SettingsError
from wan_lora_studio.lora.index import Pins
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.task import GenerationResult, GenerationTask, Progress

GENERATION_RUNNER = "wan_lora_studio.jobs.worker.runner:GenerationRunner"
# The stages in which LoRAs are in force, and those that begin once they are off again; before
# these they are on their way.
APPLIED_STAGES = ("text", "sample")
LATER_STAGES = ("decode", "write")


class Runner(Protocol):
    """One model at a time, one run at a time."""

    def load(self, model_type: str) -> None: ...

    def preload(self, loras: Sequence[str]) -> None:
        """Read what the next run is likely to use."""

    def run(
        self,
        task: GenerationTask,
        on_progress: Callable[[Progress], None],
        cancel: Callable[[], bool],
        pins: Pins,
    ) -> GenerationResult:
        """Make one video; a LoRA that `pins` names is the file that is held there."""

    def status(self) -> dict[str, Any]:
        """`model` (None if none is loaded), `device`, `offload` and `offload_reason` ("" without a
        model), `loras` by name, `memory` in bytes."""


class GenerationRunner:
    """The real one. Building it imports torch."""

    def __init__(self, settings: Settings) -> None:
        from wan_lora_studio.wan.generation import generate_video
        from wan_lora_studio.wan.lora_manager import LoRAManager
        from wan_lora_studio.wan.memory import usual_placing
        from wan_lora_studio.wan.models import ModelManager

        self._generate = generate_video
        self._usual_placing = usual_placing
        self._models = ModelManager(settings)
        self._loras = LoRAManager(settings)
        _ = self._loras.adapter_cache  # one for all runs: each has a view of its own
        self._selected: dict[str, Any] = {}
        self._stage = ""
        self._left_out: Mapping[str, str] = {}

    def load(self, model_type: str) -> None:
        if self._models.loaded != model_type:
            placing = self._usual_placing(model_type, self._models, self._loras)
            self._models.load(model_type, placing)

    def preload(self, loras: Sequence[str]) -> None:
        self._loras.preload(loras)

    def run(
        self,
        task: GenerationTask,
        on_progress: Callable[[Progress], None],
        cancel: Callable[[], bool],
        pins: Pins,
    ) -> GenerationResult:
        def note(progress: Progress) -> None:
            self._stage, self._left_out = progress.stage, progress.left_out
            on_progress(progress)

        self._selected = dict(task.selected_loras)
        try:
            return self._generate(
                task,
                models=self._models,
                loras=self._loras.with_pins(pins),
                on_progress=note,
                cancel=cancel,
            )
        finally:
            self._selected, self._stage, self._left_out = {}, "", {}

    def status(self) -> dict[str, Any]:
        held = self._models.current
        return {
            "model": self._models.loaded,
            "device": self._models.device,
            "offload": held.offload if held else "",
            "offload_reason": held.placing.reason if held else "",
            "loras": {
                name: self._lora_status(name, strength) for name, strength in self._selected.items()
            },
            "memory": memory_in_use(self._models.device) | self._weights(),
        }

    def _weights(self) -> dict[str, int]:
        """Bytes of the model's weights in the computer's own memory (`weights`)."""
        held = self._models.current
        return {"weights": held.waiting} if held else {}

    def _lora_status(self, name: str, strength: Any) -> dict[str, Any]:
        if name in self._left_out:
            return {"state": "left_out", "strength": strength, "reason": self._left_out[name]}
        state = "applied" if self._stage in APPLIED_STAGES else "waiting"
        if self._stage in LATER_STAGES:
            state = "taken_off"
        return {"state": state, "strength": strength}


def memory_in_use(device: str) -> dict[str, int]:
    """Bytes: this process (`process`), free in the machine (`free`), and the GPU's once it is
    used, `gpu_held` what of it is this process's own."""
    found = {
        "process": psutil.Process().memory_info().rss,
        "free": psutil.virtual_memory().available,
    }
    torch = sys.modules.get("torch")
    if torch is not None and device.startswith("cuda") and torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device)
        found |= {"gpu_used": total - free, "gpu_total": total, "gpu_held": held}
    return found


def make_runner(name: str, settings: Settings) -> Runner:
    """Build the runner at `module:Class`. Raises SettingsError if there is none."""
    module_name, _, class_name = name.partition(":")
    kind = getattr(importlib.import_module(module_name), class_name, None)
    if kind is None:
        raise SettingsError(say("jobs.worker.no_runner", name=repr(name)))
    made: Runner = kind(settings)
    return made
