"""Estimates of a library's LoRAs, calibrated by what applying them really cost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.inspection import MODES, Cost, Mode, costs_of
from wan_lora_studio.lora.library.lookup import Lookup
from wan_lora_studio.lora.library.shared_index import SharedIndex
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


@dataclass(frozen=True)
class Estimates:
    """Learns from every use what the next one will cost."""

    shared: SharedIndex
    lookup: Lookup

    def numbers(self, names: Iterable[str], model_type: str | None) -> dict[str, float]:
        """What these LoRAs add together; all zero for none. Raises as `estimate`."""
        chosen = list(names)
        found = self.estimate(chosen, model_type).to_plain()
        return found if chosen else dict.fromkeys(found, 0.0)

    def estimate(self, names: Iterable[str], model_type: str | None = None) -> Estimate:
        """The same as a value. Raises LoRANotFoundError, or a file's own error."""
        settings, index = self.shared.settings, self.shared.index
        chosen = model_type or settings.default_model
        row = settings.model(chosen)
        infos = [self.lookup.info(name) for name in names]
        index.load()
        with self.shared.lock:
            architecture = index.architectures.get(chosen)
        experts = row.experts if architecture is None else architecture.experts
        experience = self.experience()
        costs = costs_of(infos, experts, architecture, on_gpu=self._on_gpu(experience))
        lessons = {mode: experience.lesson(chosen, mode) for mode in MODES}
        return Estimate(self._expected(experience, chosen), costs.file, costs.by_mode, lessons)

    def learn(self, names: Iterable[str], model_type: str, measured: Measured) -> None:
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
        with self.shared.catalog.transaction() as db:
            save_load(db, load)

    def experience(self) -> Experience:
        """What was measured so far; nothing where the catalogue cannot be read."""
        if self.shared.index.offline:
            return Experience()
        with suppress(LoRAError), self.shared.catalog.transaction() as db:
            return read_loads(db)
        return Experience()  # estimates without what was learned

    def _expected(self, experience: Experience, model_type: str) -> Mode:
        wanted = self.shared.settings.lora_mode
        if wanted != "auto":
            return wanted
        return experience.last_mode(model_type) or "merge"

    def _on_gpu(self, experience: Experience) -> bool:
        device = self.shared.settings.device
        return experience.on_gpu() if device == "auto" else device.startswith("cuda")
