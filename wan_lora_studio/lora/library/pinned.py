"""LoRA files that are held for a run, whatever becomes of the library meanwhile."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Self

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import file_sha256
from wan_lora_studio.lora.index import NO_PINS, Pins
from wan_lora_studio.lora.inspection import Compatibility, LoRAInfo, judge
from wan_lora_studio.lora.library.library import LoRALibrary


class PinningLibrary(LoRALibrary):
    """A library of which one can have a view in which some names mean pinned files."""

    _pins: Pins = NO_PINS

    def with_pins(self, pins: Pins) -> Self:
        """This library, where each of these names means its pinned files.

        The view shares everything else with this one, and serves for looking and applying.
        """
        view = copy.copy(self)
        view._pins = dict(pins)
        return view

    def record(self, name: str) -> dict[str, Any]:
        pin = self._pins.get(name)
        return super().record(name) if pin is None else pin.record

    def files(self, name: str) -> dict[str, Path]:
        pin = self._pins.get(name)
        if pin is None:
            return super().files(name)
        return pin.paths(self.root)

    def info(self, name: str) -> dict[str, LoRAInfo]:
        pin = self._pins.get(name)
        return super().info(name) if pin is None else pin.infos(self.root)

    def sha256(self, name: str) -> dict[str, str]:
        pin = self._pins.get(name)
        if pin is None:
            return super().sha256(name)
        return {
            role: file.sha256 or file_sha256(file.found(self.root))
            for role, file in pin.files.items()
        }

    def explain_compatibility(self, name: str, model_type: str) -> Compatibility:
        pin = self._pins.get(name)
        if pin is None:
            return super().explain_compatibility(name, model_type)
        title = self.settings.model(model_type).title
        self._look()
        with self._lock:
            architecture = self._contents.architectures.get(model_type)
        try:
            infos = pin.infos(self.root)
        except LoRAError as error:
            return Compatibility(model_type, False, "no", (error.message,))
        if architecture is None:
            why = f"{title} is not installed, so it is not known whether this fits."
            return Compatibility(model_type, False, "unknown", (why,))
        return judge(infos, model_type, architecture)
