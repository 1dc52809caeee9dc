"""Grid facts: what the library and the model table say of what a grid names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.lora.selection import Accelerator, accelerator_of
from wan_lora_studio.wan.task import GenerationTask


@dataclass(frozen=True)
class GridFacts:
    """Of one task: its model's experts, and the LoRAs of a library by name."""

    task: GenerationTask
    library: LoRALibrary

    @property
    def selected(self) -> Mapping[str, Any]:
        """The task's LoRAs; what is none is left to the check of the task."""
        found = self.task.selected_loras
        return found if isinstance(found, Mapping) else {}

    @property
    def experts(self) -> tuple[str, ...]:
        entry = self.library.settings.models.get(str(self.task.model_type))
        return () if entry is None else tuple(entry.experts)

    def record(self, name: str) -> Mapping[str, Any] | None:
        with suppress(LoRAError):
            return self.library.record(name)
        return None

    def title(self, name: str) -> str:
        record = self.record(name)
        return name if record is None else str(record.get("title") or name)

    def accelerator(self, name: str) -> Accelerator | None:
        record = self.record(name)
        return None if record is None else accelerator_of(record)

    def strength(self, name: str) -> Any:
        """What the task gives a LoRA, else what it begins with."""
        if name in self.selected:
            return self.selected[name]
        with suppress(LoRAError):
            return self.library.usual_strength(name)
        return self.library.settings.default_strength

    def scales(self, name: str) -> bool:
        """Whether a number is a factor of the LoRA's strength, which is more than one number."""
        return not isinstance(self.selected.get(name, 1.0), int | float)

    def left_out(self) -> tuple[str, ...]:
        """The selected LoRAs that "without" leaves out: all but accelerators, whose settings are
        in use; all, where nothing but accelerators is selected."""
        found = tuple(name for name in self.selected if self.accelerator(name) is None)
        return found or tuple(self.selected)
