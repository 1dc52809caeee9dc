"""Estimates of a library's LoRAs, calibrated by what applying them really cost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.inspection import MODES, Cost, Mode, costs_of
from wan_lora_studio.lora.library.queries import LibraryReader
from wan_lora_studio.lora.storage import Experience, Lesson, Load, Measured, read_loads, save_load
from wan_lora_studio.units import MB


@dataclass(frozen=True)
class Estimate:
    """`expected` is the mode that the LoRAs will probably be applied in. Sizes in bytes."""

    expected: Mode
    file: int
    raw: dict[Mode, Cost]
    lessons: dict[Mode, Lesson]

    def cost(self, mode: Mode) -> Cost:
        """What is shown for a mode: the headers' say, corrected by what was measured."""
        return self.lessons[mode].applied_to(self.raw[mode])

    def to_plain(self) -> dict[str, float]:
        """The numbers for a page: MB and seconds, of the expected mode and by mode."""
        cost, lesson = self.cost(self.expected), self.lessons[self.expected]
        found = {
            "file_mb": self.file / MB,
            "gpu_mb": cost.gpu / MB,
            "host_mb": cost.host / MB,
            "total_mb": (cost.gpu + cost.host) / MB,
            "load_seconds": cost.seconds,
            "load_error": lesson.seconds_error,
            "memory_error": lesson.memory_error,
            "loads_seen": float(lesson.seen),
            "runtime_expected": float(self.expected == "runtime"),
        }
        for mode in MODES:
            each = self.cost(mode)
            found |= {
                f"{mode}_gpu_mb": each.gpu / MB,
                f"{mode}_host_mb": each.host / MB,
                f"{mode}_seconds": each.seconds,
            }
        return {name: round(value, 3) for name, value in found.items()}


class EstimatingLibrary(LibraryReader):
    """A library that learns from every use what the next one will cost."""

    def estimate_memory_impact(
        self, names: Iterable[str], model_type: str | None = None
    ) -> dict[str, float]:
        """What these LoRAs add together, with the error of such estimates so far.

        `gpu_mb`, `host_mb`, `total_mb` (both) and `load_seconds` are for the mode in which they
        will probably be applied; `merge_…` and `runtime_…` for each. `file_mb`: their tensors.
        `load_error` and `memory_error` are relative, the median over `loads_seen` real loads;
        `runtime_expected` is 1 or 0. Raises LoRANotFoundError, or a file's own error.
        """
        chosen = list(names)
        found = self.estimate(chosen, model_type).to_plain()
        return found if chosen else dict.fromkeys(found, 0.0)

    def estimate(self, names: Iterable[str], model_type: str | None = None) -> Estimate:
        """The same as a value. Raises as `estimate_memory_impact`."""
        chosen = model_type or self.settings.default_model
        experts = self.settings.model(chosen).experts
        infos = [self.info(name) for name in names]
        self._contents.load()
        with self._lock:
            architecture = self._contents.architectures.get(chosen)
        experience = self._experience()
        costs = costs_of(infos, experts, architecture, on_gpu=self._on_gpu(experience))
        lessons = {mode: experience.lesson(chosen, mode) for mode in MODES}
        return Estimate(self._expected(experience, chosen), costs.file, costs.by_mode, lessons)

    def record_load(self, names: Iterable[str], model_type: str, measured: Measured) -> None:
        """Remember what a use of these LoRAs really cost. Raises as `estimate` does."""
        chosen = list(names)
        if not chosen:
            return
        told = self.estimate(chosen, model_type)
        raw, shown = told.raw[measured.mode], told.cost(measured.mode)
        load = Load(
            model_type, measured.mode, measured.device, measured.cold,
            measured.seconds, measured.host, measured.gpu,
            raw.seconds, raw.host, raw.gpu, shown.seconds, shown.host, shown.gpu,
        )  # fmt: skip
        with self._catalog.transaction() as db:
            save_load(db, load)

    def loads_seen(self) -> list[dict[str, Any]]:
        """What was measured so far, the newest first: shown and real, for a diagnosis."""
        return [vars(load) for load in self._experience().loads]

    def _experience(self) -> Experience:
        if self._contents.offline:
            return Experience()
        with suppress(LoRAError), self._catalog.transaction() as db:
            return read_loads(db)
        return Experience()  # estimates without what was learned

    def _expected(self, experience: Experience, model_type: str) -> Mode:
        wanted = self.settings.lora_mode
        if wanted != "auto":
            return wanted
        return experience.last_mode(model_type) or "merge"

    def _on_gpu(self, experience: Experience) -> bool:
        device = self.settings.device
        return experience.on_gpu() if device == "auto" else device.startswith("cuda")
