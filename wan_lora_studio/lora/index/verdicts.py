"""Verdicts of the library's LoRAs for all models, computed once for each form."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.index.entries import Entry
from wan_lora_studio.lora.inspection import (
    Architecture,
    Compatibility,
    architecture_for,
    config_path,
    judge,
)
from wan_lora_studio.settings import Settings

IN_MEMORY = 2048

Verdicts = dict[str, Compatibility]  # by model_type


@dataclass
class Judge:
    """Knows the models. A verdict depends on the forms of a LoRA's files and on their roles."""

    settings: Settings
    architectures: dict[str, Architecture | None] = field(default_factory=dict)
    _computed: dict[tuple[str, int, int], Architecture | None] = field(default_factory=dict)
    _verdicts: OrderedDict[tuple[tuple[str, str | None], ...], Verdicts] = field(
        default_factory=OrderedDict
    )

    def look(self) -> None:
        """Look at the installed models again."""
        found = {name: self._architecture(name) for name in self.settings.models}
        if found != self.architectures:
            self._verdicts.clear()
        self.architectures = found

    def _architecture(self, model_type: str) -> Architecture | None:
        """The model's architecture, computed anew only if its local config changed."""
        try:
            found = config_path(self.settings, model_type).stat()
            stamp = (model_type, found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = (model_type, 0, 0)
        if stamp not in self._computed:
            try:
                with one_file(f"The model {model_type}", ModelLoadError):
                    self._computed[stamp] = architecture_for(self.settings, model_type)
            except ModelLoadError:
                self._computed[stamp] = None
        return self._computed[stamp]

    def verdicts(self, entry: Entry) -> Verdicts:
        """The verdict for each model; those of equal LoRAs are one object."""
        error = next((file.error for file in entry.files.values() if file.error), None)
        if error:
            return {
                model_type: Compatibility(model_type, False, "no", (error.message,))
                for model_type in self.architectures
            }
        key = tuple((role, file.form) for role, file in entry.files.items())
        found = self._verdicts.get(key)
        if found is None:
            found = self._verdicts[key] = self._judge(entry)
            while len(self._verdicts) > IN_MEMORY:
                self._verdicts.popitem(last=False)
        return found

    def _judge(self, entry: Entry) -> Verdicts:
        infos = {role: info for role, file in entry.files.items() if (info := file.info)}
        found = {}
        for model_type, architecture in self.architectures.items():
            if architecture is None:
                title = self.settings.model(model_type).title
                why = f"{title} is not installed, so it is not known whether this fits."
                found[model_type] = Compatibility(model_type, False, "unknown", (why,))
            else:
                found[model_type] = judge(infos, model_type, architecture)
        return found
