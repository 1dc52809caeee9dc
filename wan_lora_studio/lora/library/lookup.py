"""Lookup: what is known of one LoRA, found by its name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.index import Held, LibraryIndex, Prepared, record_of
from wan_lora_studio.lora.inspection import Compatibility, LoRAInfo
from wan_lora_studio.lora.library.shared_index import SharedIndex
from wan_lora_studio.lora.storage import Usage

MANY = 500  # records for which the whole tables are read
State = tuple[object, ...]


class Lookup(Protocol):
    """Every method raises LoRANotFoundError for a name that nothing has."""

    def record(self, name: str) -> dict[str, Any]:
        """As the library lists it."""

    def files(self, name: str) -> dict[str, Path]:
        """Absolute paths by role: `both`, or `high` and/or `low`."""

    def info(self, name: str) -> dict[str, LoRAInfo]:
        """What each file is, by role. Raises the file's own error if it is broken."""

    def sha256(self, name: str) -> dict[str, str]:
        """The SHA256 of each file, by role; computed on first use, then remembered."""

    def explain_compatibility(self, name: str, model_type: str) -> Compatibility:
        """Verdict, reasons and coverage for a model. Raises SettingsError for an unknown one."""


class CurrentLookup:
    """What each name means now."""

    def __init__(self, shared: SharedIndex) -> None:
        self._shared = shared

    def record(self, name: str) -> dict[str, Any]:
        while True:
            name = self._shared.find(name).entry.name
            with self._shared.lock:
                if name in self._shared.index.entries:
                    return records_of(self._shared, [name])[name]

    def files(self, name: str) -> dict[str, Path]:
        files = self._shared.find(name).entry.files
        return {role: self._shared.root / file.path for role, file in files.items()}

    def info(self, name: str) -> dict[str, LoRAInfo]:
        found = {}
        for role, file in self._shared.find(name).entry.files.items():
            with one_file(file.path.rpartition("/")[2], LoRAFileError):
                info = file.info
            if info is None:
                assert file.error is not None
                raise type(file.error)(
                    file.error.message,
                    suggestions=file.error.suggestions,
                    context=file.error.context,
                )
            found[role] = info
        return found

    def sha256(self, name: str) -> dict[str, str]:
        found = {}
        index = self._shared.index
        for role, file in self._shared.find(name).entry.files.items():
            hashed = index.hashed(file)
            if not file.sha256 and hashed.sha256:
                with self._shared.turn.for_look() as mine:
                    if mine:
                        index.look(now=True)
            found[role] = hashed.sha256 or ""
        return found

    def explain_compatibility(self, name: str, model_type: str) -> Compatibility:
        self._shared.settings.model(model_type)
        index = self._shared.index
        while True:
            name = self._shared.find(name).entry.name
            with self._shared.lock:
                if name in index.entries:
                    return index.each([name], verdicts_of)[name][model_type]


@dataclass(frozen=True)
class Noted:
    """What is known of LoRAs beside their files: `usage` and `edits` by path, `held` by name."""

    usage: Mapping[str, Usage]
    edits: Mapping[str, Mapping[str, Any]]
    held: Mapping[str, Held]

    @staticmethod
    def of(shared: SharedIndex, names: Collection[str]) -> Noted:
        """By whoever holds the lock. The whole tables are read where that is the shorter way."""
        index, usage, edits = shared.index, {}, {}
        if not index.offline:
            some = len(names) <= MANY
            paths = [index.entries[name].entry.first.path for name in names] if some else None
            usage, edits = shared.catalog.usage(paths), shared.catalog.edits(paths)
        return Noted(usage, edits, shared.uses.held())

    def record(self, prepared: Prepared) -> dict[str, Any]:
        path = prepared.entry.first.path
        return record_of(prepared, self.usage.get(path), self.held, self.edits.get(path, {}))

    def state(self, prepared: Prepared, index: LibraryIndex) -> State:
        entry = prepared.entry
        path = entry.first.path
        noted = self.usage.get(path), self.held.get(entry.name), self.edits.get(path)
        return index.state_of(entry), noted


def records_of(shared: SharedIndex, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The records of these LoRAs, all of which are there; by whoever holds the lock."""
    wanted = list(names)
    return shared.index.each(wanted, Noted.of(shared, wanted).record)


def states_of(shared: SharedIndex) -> dict[str, State]:
    """For each LoRA what differs whenever its record or a verdict does; by whoever holds the
    lock. It costs little, unlike the records."""
    index = shared.index
    noted = Noted.of(shared, index.entries)
    return {name: noted.state(prepared, index) for name, prepared in index.entries.items()}


def verdicts_of(prepared: Prepared) -> Mapping[str, Compatibility]:
    """By model type."""
    return prepared.verdicts
