"""Stands in for hardware-length runs: the prompt says what the run does.

`quick`, `steps N`, `slow` (until cancelled), `hang` (deaf to cancel), `crash` (as by the system's
out-of-memory killer), `gate` (until there is a file `open` beside the videos), `fail` (one of our
errors), `bug` (any other error), `memory`. Every begun run is noted in `runs.txt` beside the
videos, so that a test can count them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from wan_lora_studio.errors import CancelledByUser, GenerationError, ModelLoadError
from wan_lora_studio.lora.index.pins import Pins
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.task import GenerationResult, GenerationTask, Progress


class ScriptedRunner:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model: str | None = None
        settings.outputs_dir.mkdir(parents=True, exist_ok=True)

    def load(self, model_type: str) -> None:
        if model_type == "i2v-A14B":
            raise ModelLoadError("There is no model folder.")
        if model_type == "ti2v-5B":
            os.kill(os.getpid(), signal.SIGKILL)
        self._model = model_type

    def preload(self, loras: Sequence[str]) -> None:
        with (self._settings.outputs_dir / "preloaded.txt").open("a") as file:
            file.write(" ".join(loras) + "\n")

    def status(self) -> dict[str, Any]:
        return {"model": self._model, "device": "cpu", "loras": {}, "memory": {"process": 1}}

    def run(
        self,
        task: GenerationTask,
        on_progress: Callable[[Progress], None],
        cancel: Callable[[], bool],
        pins: Pins,
    ) -> GenerationResult:
        with (self._settings.outputs_dir / "runs.txt").open("a") as file:
            file.write(task.id + "\n")
        self._model = task.model_type
        verb, _, number = task.prompt.partition(" ")
        on_progress(Progress(stage="sample", steps=2, preview=b"first picture"))
        self._act(verb, int(number or 0), on_progress, cancel)
        on_progress(Progress(stage="write", step=2, steps=2, preview=b"last picture"))
        return GenerationResult("v.mp4", "v.png", task, (1, 2, 3, 3), {"sample": 0.1}, {}, [])

    def _act(
        self,
        verb: str,
        number: int,
        on_progress: Callable[[Progress], None],
        cancel: Callable[[], bool],
    ) -> None:
        if verb == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        elif verb == "fail":
            raise GenerationError("The picture was black.", suggestions=["Use another seed."])
        elif verb == "bug":
            raise ValueError("something nobody thought of")
        elif verb == "memory":
            raise MemoryError
        gate = self._settings.outputs_dir / "open"
        while (
            verb == "hang"
            or (verb == "gate" and not gate.exists())
            or (verb == "slow" and not cancel())
        ):
            time.sleep(0.01)
        if verb == "slow":
            raise CancelledByUser("Stopped.")
        for step in range(number):
            on_progress(Progress(stage="sample", step=step + 1, steps=number))


class BrokenRunner:
    """A worker that cannot be built, as when a package is missing."""

    def __init__(self, settings: Settings) -> None:
        raise ImportError("no module named torch")
