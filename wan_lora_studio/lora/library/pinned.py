"""Pinned lookup: LoRA files that are held for a run, whatever becomes of the library meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import file_sha256
from wan_lora_studio.lora.index import Pins
from wan_lora_studio.lora.inspection import Compatibility, LoRAInfo, judge
from wan_lora_studio.lora.library.lookup import Lookup
from wan_lora_studio.lora.library.shared_index import SharedIndex


@dataclass(frozen=True)
class PinnedLookup:
    """A view in which the names of `pins` mean their pinned files, and all others what they mean
    to `others`."""

    shared: SharedIndex
    others: Lookup
    pins: Pins

    def record(self, name: str) -> dict[str, Any]:
        pin = self.pins.get(name)
        return self.others.record(name) if pin is None else pin.record

    def files(self, name: str) -> dict[str, Path]:
        pin = self.pins.get(name)
        return self.others.files(name) if pin is None else pin.paths(self.shared.root)

    def info(self, name: str) -> dict[str, LoRAInfo]:
        pin = self.pins.get(name)
        return self.others.info(name) if pin is None else pin.infos(self.shared.root)

    def sha256(self, name: str) -> dict[str, str]:
        pin = self.pins.get(name)
        if pin is None:
            return self.others.sha256(name)
        return {
            role: file.sha256 or file_sha256(file.found(self.shared.root))
            for role, file in pin.files.items()
        }

    def explain_compatibility(self, name: str, model_type: str) -> Compatibility:
        pin = self.pins.get(name)
        if pin is None:
            return self.others.explain_compatibility(name, model_type)
        self.shared.settings.model(model_type)
        self.shared.look()
        with self.shared.lock:
            architecture = self.shared.index.architectures.get(model_type)
        try:
            infos = pin.infos(self.shared.root)
        except LoRAError as error:
            return Compatibility(model_type, False, "no", (error.message,))
        if architecture is None:
            return self.shared.index.judge.unknown(model_type)
        return judge(infos, model_type, architecture)
