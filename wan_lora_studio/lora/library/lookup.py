"""Lookup: what is known of one LoRA, found by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.index import Prepared, record_of
from wan_lora_studio.lora.inspection import Compatibility, LoRAInfo
from wan_lora_studio.lora.library.shared_index import SharedIndex

MANY = 500  # records for which the whole tables are read


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


def records_of(shared: SharedIndex, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The records of these LoRAs, all of which are there; by whoever holds the lock."""
    index, usage, edits, wanted = shared.index, {}, {}, list(names)
    if not index.offline:
        some = len(wanted) <= MANY
        paths = [index.entries[name].entry.first.path for name in wanted] if some else None
        usage, edits = shared.catalog.usage(paths), shared.catalog.edits(paths)
    held = shared.uses.held()

    def record(prepared: Prepared) -> dict[str, Any]:
        path = prepared.entry.first.path
        return record_of(prepared, usage.get(path), held, edits.get(path, {}))

    return index.each(wanted, record)


def verdicts_of(prepared: Prepared) -> Mapping[str, Compatibility]:
    """By model type."""
    return prepared.verdicts
