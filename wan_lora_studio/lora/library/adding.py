"""Adding: the plan that brings a new file to its place in the library."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.errors import LoRAError, UploadError
from wan_lora_studio.lora.index import INODE_BITS, Stamp, row_of
from wan_lora_studio.lora.inspection import CONFIG_NAME, has_identity
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.changes import Changes
from wan_lora_studio.lora.library.renaming import TakenNames
from wan_lora_studio.lora.names import free_name, is_lora_file, name_key, safe_name
from wan_lora_studio.lora.storage import (
    FileRow,
    Move,
    StagedFile,
    StagedSidecar,
    bump_revision,
    save_data_hash,
    save_forms,
)
from wan_lora_studio.texts import say


def adopt(
    changes: Changes, staged: StagedFile, sidecars: Sequence[StagedSidecar], folder: str
) -> dict[str, Any]:
    """Place a validated stage, as `place`; the record that it belongs to."""
    with _adding(changes, staged, folder) as change:
        path = Adoption(change).place(staged, sidecars, folder)
        with suppress(LoRAError):
            change.shared.thumbnails.file(change.known(change.name_at(path)))
        return change.record_at(path)


def place(
    changes: Changes, staged: StagedFile, sidecars: Sequence[StagedSidecar], folder: str
) -> str:
    """Place a validated stage with what goes beside it; its path.

    Raises UploadError if its content or its name is there already; the stages then stay.
    """
    with _adding(changes, staged, folder) as change:
        return Adoption(change).place(staged, sidecars, folder)


def add_sidecar(changes: Changes, name: str, staged: StagedSidecar) -> dict[str, Any]:
    """Place a file beside a LoRA (the first of a pair), under its name; the record.

    Raises LoRANotFoundError, or LoRAError if it is there already; the stage then stays.
    """
    with changes.change(name) as change:
        file = change.changeable(name).entry.first
        target = change.root / file.folder / f"{file.stem}{staged.ending}"
        try:
            change.carry_out([Move(staged.path, target)], bump_revision)
        except FileExistsError as error:
            raise LoRAError(
                say("lora.library.adding.there_already", file=target.name),
                suggestions=[say("lora.library.adding.keep_or_remove")],
            ) from error
        except OSError as error:
            raise LoRAError(
                say(
                    "lora.library.adding.not_placed",
                    file=target.name,
                    reason=error.strerror or error,
                ),
                suggestions=[say("lora.library.adding.check_folder")],
            ) from error
        change.settle()
        return change.record_at(file.path)


def _adding(changes: Changes, staged: StagedFile, folder: str) -> AbstractContextManager[Change]:
    """What else is in the library counts too: its content may be there already."""
    path = f"{folder}/{staged.filename}" if folder else staged.filename
    return changes.change(at=[path], everything=changes.look_is_due)


@dataclass(frozen=True)
class Adoption:
    """Takes a staged file into the library's top folder."""

    change: Change

    def place(
        self, staged: StagedFile, sidecars: Sequence[StagedSidecar] = (), folder: str = ""
    ) -> str:
        """Place the file, with what goes beside it, and return its relative path.

        `folder` is made if it is not there. Raises UploadError for a duplicate or a name that
        is taken; all stages then stay. A configuration gets a folder of its own.
        """
        self._refuse_duplicate(staged)
        folder = self._folder_for(staged, sidecars, folder)
        if not folder:
            self._refuse_clash(staged)
        stat = staged.path.stat()
        path = f"{folder}/{staged.filename}" if folder else staged.filename
        row = FileRow(path, stat.st_size, stat.st_mtime_ns, None, None, staged.sha256)
        if staged.info is not None and path == staged.filename:  # its role may be in its folder
            stamp = Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ino & INODE_BITS)
            row = row_of(path, stamp, staged.info, staged.sha256)
        target = self.change.root / path
        moves = [Move(staged.path, target)]
        for sidecar in sidecars:
            own = CONFIG_NAME if sidecar.ending == CONFIG_NAME else staged.stem + sidecar.ending
            moves.append(Move(sidecar.path, target.with_name(own)))
        try:
            self.change.carry_out(moves, lambda db: self._arrived(db, row, staged))
        except FileExistsError as error:
            raise self._clash(staged) from error
        except OSError as error:
            raise UploadError(
                say(
                    "lora.library.adding.not_placed",
                    file=staged.filename,
                    reason=error.strerror or error,
                ),
                suggestions=[say("lora.library.adding.check_folder")],
            ) from error
        self.change.settle()
        return path

    def _arrived(self, db: sqlite3.Connection, row: FileRow, staged: StagedFile) -> None:
        self.change.catalog.arrived(db, row)
        save_data_hash(db, staged.hashes)
        if row.form and staged.info is not None:
            save_forms(db, [staged.info.form])

    def _folder_for(
        self, staged: StagedFile, sidecars: Sequence[StagedSidecar], folder: str
    ) -> str:
        """The folder, or a new one in it if the LoRA cannot share that with others: an
        `adapter_config.json` changes how every LoRA beside it is read."""
        here: Collection[str] = self.change.index.names.get(folder, ())
        brings = any(sidecar.ending == CONFIG_NAME for sidecar in sidecars)
        shared = any(map(is_lora_file, here))
        if not (CONFIG_NAME in here or (brings and (shared or not folder))):
            return folder
        named = has_identity(staged.stem)
        above, _, last = (folder, "", staged.stem) if named else folder.rpartition("/")
        taken = {name_key(path.name) for path in (self.change.root / above).iterdir()}
        own = free_name(safe_name(last), taken)
        return f"{above}/{own}" if above else own

    def _refuse_duplicate(self, staged: StagedFile) -> None:
        for name, prepared in self.change.index.entries.items():
            for file in prepared.entry.files.values():
                same_size = file.stamp.size == staged.size
                if same_size and self.change.index.hashed(file).sha256 == staged.sha256:
                    raise UploadError(
                        say("lora.library.adding.duplicate", file=staged.filename, name=repr(name)),
                        suggestions=[say("lora.library.adding.use_it", name=repr(name))],
                        context={"reason": "duplicate", "existing": name},
                    )

    def _refuse_clash(self, staged: StagedFile) -> None:
        if name_key(staged.stem) in TakenNames(self.change.index):
            raise self._clash(staged)

    def _clash(self, staged: StagedFile) -> UploadError:
        beside = {name_key(name.split(".")[0]) for name in self.change.index.names.get("", ())}
        proposed = free_name(staged.stem, TakenNames(self.change.index, more=frozenset(beside)))
        return UploadError(
            say("lora.library.adding.name_taken", name=repr(staged.stem)),
            suggestions=[say("lora.library.adding.upload_as", name=repr(proposed))],
            context={"reason": "name", "proposed_name": proposed},
        )
