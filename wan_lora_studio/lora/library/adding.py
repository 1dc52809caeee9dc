"""Adding: the plan that brings a new file to its place in the library."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.index import INODE_BITS, LibraryIndex, Stamp, row_of
from wan_lora_studio.lora.inspection import CONFIG_NAME, has_identity
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.renaming import TakenNames
from wan_lora_studio.lora.names import free_name, is_lora_file, name_key, safe_name
from wan_lora_studio.lora.storage import (
    Catalog,
    FileRow,
    Move,
    StagedFile,
    StagedSidecar,
    save_data_hash,
    save_forms,
)


@dataclass(frozen=True)
class Adoption:
    """Takes a staged file into the library's top folder."""

    root: Path
    contents: LibraryIndex
    catalog: Catalog
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
        target = self.root / path
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
                f"{staged.filename} could not be placed: {error.strerror or error}.",
                suggestions=["Check that the LoRA folder is writable and its disk is not full."],
            ) from error
        return path

    def _arrived(self, db: sqlite3.Connection, row: FileRow, staged: StagedFile) -> None:
        self.catalog.arrived(db, row)
        save_data_hash(db, staged.hashes)
        if row.form and staged.info is not None:
            save_forms(db, [staged.info.form])

    def _folder_for(
        self, staged: StagedFile, sidecars: Sequence[StagedSidecar], folder: str
    ) -> str:
        """The folder, or a new one in it if the LoRA cannot share that with others: an
        `adapter_config.json` changes how every LoRA beside it is read."""
        here: Collection[str] = self.contents.names.get(folder, ())
        brings = any(sidecar.ending == CONFIG_NAME for sidecar in sidecars)
        shared = any(map(is_lora_file, here))
        if not (CONFIG_NAME in here or (brings and (shared or not folder))):
            return folder
        named = has_identity(staged.stem)
        above, _, last = (folder, "", staged.stem) if named else folder.rpartition("/")
        taken = {name_key(path.name) for path in (self.root / above).iterdir()}
        own = free_name(safe_name(last), taken)
        return f"{above}/{own}" if above else own

    def _refuse_duplicate(self, staged: StagedFile) -> None:
        for name, prepared in self.contents.entries.items():
            for file in prepared.entry.files.values():
                same_size = file.stamp.size == staged.size
                if same_size and self.contents.hashed(file).sha256 == staged.sha256:
                    raise UploadError(
                        f"{staged.filename} is in the library already, as {name!r}.",
                        suggestions=[f"Use {name!r}."],
                        context={"reason": "duplicate", "existing": name},
                    )

    def _refuse_clash(self, staged: StagedFile) -> None:
        if name_key(staged.stem) in TakenNames(self.contents):
            raise self._clash(staged)

    def _clash(self, staged: StagedFile) -> UploadError:
        beside = {name_key(name.split(".")[0]) for name in self.contents.names.get("", ())}
        proposed = free_name(staged.stem, TakenNames(self.contents, more=frozenset(beside)))
        return UploadError(
            f"There is another LoRA named {staged.stem!r} already.",
            suggestions=[f"Upload it as {proposed!r}, or rename or delete the other one."],
            context={"reason": "name", "proposed_name": proposed},
        )
