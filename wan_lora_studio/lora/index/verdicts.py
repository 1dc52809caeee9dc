"""Verdicts of the library's LoRAs for all models, computed once for each form."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

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
from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.texts import say

IN_MEMORY = 2048

Verdicts = dict[str, Compatibility]  # by model_type
_Looks = tuple[str, str, tuple[str, ...], int, int]


@dataclass(frozen=True)
class GivenModel:
    """The one model of a program that has loaded it itself.

    `row` None stands for the settings' own row of that name. `architecture` None: it could not
    be read, and `unread` says why, or it is that of the settings' model.
    """

    model_type: str
    row: ModelEntry | None = None
    architecture: Architecture | None = None
    unread: str = ""

    def within(self, settings: Settings) -> Settings:
        """The settings with this model alone. Raises SettingsError if they do not know it."""
        row = self.row or settings.model(self.model_type)
        alone = {"models": {self.model_type: row}, "default_model": self.model_type}
        return settings.model_copy(update=alone)


class Judge:
    """Knows the models. A verdict depends on the forms of a LoRA's files and on their roles."""

    def __init__(self, settings: Settings) -> None:
        self.settings = self._told = settings  # with the models that there are now, and at first
        self.architectures: dict[str, Architecture | None] = {}
        self.changes = 0  # how often there were other models
        self._given: GivenModel | None = None
        self._computed: dict[_Looks, Architecture | None] = {}
        self._verdicts: OrderedDict[tuple[tuple[str, str | None], ...], Verdicts] = OrderedDict()

    def give(self, given: GivenModel | None) -> bool:
        """From now on there is this model alone, or with None those of the settings.

        False if that is so already. Raises SettingsError for a model that is not known.
        """
        if given == self._given:
            return False
        self.settings = self._told if given is None else given.within(self._told)
        self._given = given
        self._verdicts.clear()  # also those for a model of equal shapes: they name it
        self.changes += 1
        self.look()
        return True

    def take_settings(self, settings: Settings) -> None:
        """Go by other settings, with the model that was given."""
        self._told = settings
        self.settings = settings if self._given is None else self._given.within(settings)

    def look(self) -> None:
        """Look at the installed models again."""
        found = {name: self._architecture(name) for name in self.settings.models}
        if found != self.architectures:
            self._verdicts.clear()
            self.changes += 1
        self.architectures = found

    def unknown(self, model_type: str) -> Compatibility:
        """The verdict where the model could not be looked at."""
        model = self.settings.model(model_type).title
        unread = self._given.unread if self._given else ""
        problem = unread or say("lora.index.not_installed", model=model)
        why = say("lora.index.cannot_tell", problem=problem)
        return Compatibility(model_type, False, "unknown", (why,))

    def _architecture(self, model_type: str) -> Architecture | None:
        """The model's architecture, computed anew only if its local config changed. Rows of one
        folder that differ in their weights' storage share it."""
        if self._given is not None and self._given.row is not None:
            return self._given.architecture
        stamp = _looks(self.settings, model_type)
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
        found: Verdicts = {}
        judged: dict[int, Compatibility] = {}  # by the architecture that rows share
        for model_type, architecture in self.architectures.items():
            if architecture is None:
                found[model_type] = self.unknown(model_type)
                continue
            verdict = judged.get(id(architecture))
            if verdict is None:
                verdict = judged[id(architecture)] = judge(infos, model_type, architecture)
            found[model_type] = replace(verdict, model_type=model_type)
        return found


def _looks(settings: Settings, model_type: str) -> _Looks:
    """What decides a row's architecture."""
    row, path = settings.model(model_type), config_path(settings, model_type)
    try:
        found = path.stat()
    except OSError:
        return str(path), row.architecture, row.experts, 0, 0
    return str(path), row.architecture, row.experts, found.st_mtime_ns, found.st_size
