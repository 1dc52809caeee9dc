"""Moving a LoRA with all its files from one folder of the library to another."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index import Entry, PairedBy, all_paths, told_apart
from wan_lora_studio.lora.inspection import CONFIG_NAME, EvidenceSource
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.changes import Changes
from wan_lora_studio.lora.library.folders import folder_on_disk
from wan_lora_studio.lora.names import is_lora_file, name_key
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage import missing_folders, moves_of, save_pairing
from wan_lora_studio.texts import say


def move_lora(changes: Changes, name: str, folder: str) -> dict[str, Any]:
    """Move all files of a LoRA into a folder that is there ("" is the top); the record."""
    with changes.change(name, at=[f"{folder}/{name}" if folder else name]) as change:
        entry = change.changeable(name).entry
        paths = Relocation(change).move(entry, folder)
        if paths:
            change.settle()
        first = entry.first.path
        return change.record_at(paths.get(first, first))


@dataclass(frozen=True)
class Relocation:
    """Moves all files of a LoRA into another folder of the library."""

    change: Change

    def move(self, entry: Entry, folder: str) -> dict[str, str]:
        """All files or none; returns old path → new path.

        Raises LoRAError if the folder is not there, or a file of the same name is in it.
        """
        folder = folder_on_disk(self.change.root, folder)
        self._refuse_folder(folder)
        prefix = f"{folder}/" if folder else ""
        names = told_apart(entry, self.change.index.names)
        paths = {
            path: f"{prefix}{names.get(path, PurePosixPath(path).name)}"
            for path in all_paths(entry, self.change.index.names)
        }
        paths = {old: new for old, new in paths.items() if old != new}
        self._refuse_clash(entry, folder, paths)
        roles = self._roles_to_keep(entry, paths)
        try:
            moves = moves_of(self.change.root, paths, self.change.index.own_links)
            self.change.carry_out(moves, lambda db: self._save(db, entry, paths, roles))
        except FileExistsError as error:
            raise self._clash(entry, folder, str(error.filename2 or error.filename)) from error
        except OSError as error:
            raise LoRAError(
                say("lora.library.moving.failed", name=entry.name, reason=error.strerror or error),
                suggestions=[say("lora.library.moving.check_permissions")],
            ) from error
        return paths

    def _save(
        self,
        db: sqlite3.Connection,
        entry: Entry,
        paths: dict[str, str],
        roles: Mapping[str, Role],
    ) -> None:
        """Within a transaction. A pair that its names alone do not make stays one by hand."""
        self.change.catalog.moved(db, paths, roles)
        if entry.paired_by in (PairedBy.FOLDERS, PairedBy.NEAR_NAME):
            high, low = (entry.files[role].path for role in ("high", "low"))
            save_pairing(db, paths.get(high, high), paths.get(low, low), together=True)

    def _refuse_folder(self, folder: str) -> None:
        path = self.change.root / folder
        try:
            there = not missing_folders(path, self.change.root)
        except OSError as error:
            raise LoRAError(
                say("lora.library.moving.link", folder=repr(folder)),
                suggestions=[say("lora.library.moving.choose_inside")],
            ) from error
        if not there:
            raise LoRAError(
                say("lora.library.moving.no_folder", folder=repr(folder)),
                suggestions=[say("lora.library.moving.create_first")],
                context={"folder": folder},
            )

    def _refuse_clash(self, entry: Entry, folder: str, paths: dict[str, str]) -> None:
        own = {PurePosixPath(path).name for path in paths if _folder_of(path) == folder}
        there = {name_key(name) for name in self.change.index.names.get(folder, frozenset()) - own}
        targets = [name_key(PurePosixPath(path).name) for path in paths.values()]
        taken = next((name for name in targets if name in there or targets.count(name) > 1), None)
        if taken:
            raise self._clash(entry, folder, taken)
        # An adapter_config.json changes how every LoRA in its folder is read.
        brings = CONFIG_NAME in targets and any(map(is_lora_file, there))
        if paths and (brings or CONFIG_NAME in there):
            raise LoRAError(
                say("lora.library.moving.no_sharing", name=entry.name, file=CONFIG_NAME),
                suggestions=[say("lora.library.moving.create_new")],
            )

    def _clash(self, entry: Entry, folder: str, taken: str) -> LoRAError:
        name, file = entry.name, repr(Path(taken).name)
        if folder:
            said = say("lora.library.moving.taken", name=name, folder=repr(folder), file=file)
        else:
            said = say("lora.library.moving.taken_on_top", name=name, file=file)
        return LoRAError(
            said,
            suggestions=[say("lora.library.moving.rename_or_choose")],
            context={"name": entry.name, "folder": folder},
        )

    def _roles_to_keep(self, entry: Entry, paths: dict[str, str]) -> dict[str, Role]:
        """Roles that only the old folder's name stated, or a twin's name beside it."""
        found: dict[str, Role] = {}
        for role, file in entry.files.items():
            evidence = entry.evidence(role)
            elsewhere = evidence.source in (EvidenceSource.FOLDER_NAME, EvidenceSource.TWIN)
            if elsewhere and not evidence.is_weak and file.path in paths:
                found[paths[file.path]] = evidence.role
        return found


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]
