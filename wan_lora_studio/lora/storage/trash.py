"""Deleted LoRAs: moved into `<loras_dir>/.trash/<id>/` with a manifest, until restored or purged.

What is known of the files (use, edits, roles) follows them there and back. Needs the library's lock
for every change.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from wan_lora_studio.errors import LoRAError, LoRANotFoundError, together
from wan_lora_studio.filesystem import rename, sync_folder
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.storage.journal import Journal
from wan_lora_studio.lora.storage.moves import Move, remove_empty
from wan_lora_studio.lora.storage.staging_area import discard_stages, step_path, write_step
from wan_lora_studio.lora.storage.trash_entries import MANIFEST, Trashed, TrashEntries
from wan_lora_studio.texts import say

PURGED = ".purged-"
WRITERS = 8


class Trash:
    """The trash of one library. Its folder is made when the first LoRA is deleted."""

    def __init__(
        self, root: Path, catalog: Catalog, intents: Journal, extra: Sequence[Path] = ()
    ) -> None:
        """`extra` are folders outside the library from which files may come."""
        self._root = root
        self.listing = TrashEntries(root, extra)
        self._catalog = catalog
        self._intents = intents

    def put_all(self, loras: Mapping[str, Sequence[str]]) -> list[Trashed]:
        """Move the files of several LoRAs away in one change: all of them or none.

        Raises LoRAError; `stuck` in its context names those in the folder that is to blame.
        """
        batch = _new_id() if len(loras) > 1 else ""
        steps: list[Path] = []
        try:
            entries = [
                Trashed(
                    _new_id(), name, tuple(paths), _now(), 0, self.listing.base_of(paths), batch
                )
                for name, paths in loras.items()
            ]
            with ThreadPoolExecutor(WRITERS) as pool:  # so that they are synced together
                written = [pool.submit(self._write_manifest, entry) for entry in entries]
            steps += [each.result() for each in written if not each.exception()]
            for each in written:
                each.result()
            moved = {path: entry.stored(path) for entry in entries for path in entry.paths}
            moves = [
                Move(step, self.listing.folder(entry) / MANIFEST)
                for step, entry in zip(steps, entries, strict=True)
            ]
            moves += [Move(self._root / old, self._root / new) for old, new in moved.items()]
            self._intents.carry_out(moves, lambda db: self._catalog.moved(db, moved, {}))
        except OSError as error:
            discard_stages(steps)
            stuck = _to_blame(error, {name: self._folders_of(loras[name]) for name in loras})
            name = stuck[0] if stuck else next(iter(loras))
            raise LoRAError(
                say("lora.storage.trash.not_deleted", lora=name, reason=error.strerror or error),
                suggestions=[say("lora.storage.trash.check_folder")],
                context={"stuck": stuck},
            ) from error
        return entries

    def moves_for(
        self, name: str, paths: Sequence[str]
    ) -> tuple[Trashed, list[Move], dict[str, str]]:
        """What puts the files away, first the manifest from a step that is written now; and the
        new path of each file. For a change that is carried out by the caller. Raises OSError."""
        entry = Trashed(_new_id(), name, tuple(paths), _now(), base=self.listing.base_of(paths))
        moved = {path: entry.stored(path) for path in paths}
        manifest = Move(self._write_manifest(entry), self.listing.folder(entry) / MANIFEST)
        files = [Move(self._root / old, self._root / new) for old, new in moved.items()]
        return entry, [manifest, *files], moved

    def _write_manifest(self, entry: Trashed) -> Path:
        text = {"name": entry.name, "paths": entry.paths, "deleted": entry.deleted}
        if entry.together:
            text["together"] = entry.together
        return write_step(self._root, json.dumps(text).encode())

    def _folders_of(self, paths: Sequence[str]) -> set[str]:
        return {str((self._root / path).parent) for path in paths}

    def found(self, names: Sequence[str], entry_id: str | None) -> list[Trashed | LoRAError]:
        """For each name its newest deletion, or the one with that id; or why it cannot be
        restored: there is none, or its place has been taken."""
        entries = self.listing.all()
        return [self._found(name, entry_id, entries) for name in names]

    def _found(
        self, name: str, entry_id: str | None, entries: Sequence[Trashed]
    ) -> Trashed | LoRAError:
        entry = next((item for item in entries if item.is_meant(name, entry_id)), None)
        if entry is None:
            return LoRANotFoundError(
                say("lora.storage.trash.unknown", name=repr(name)),
                suggestions=[say("lora.storage.trash.look")],
                context={"name": name},
            )
        if any(os.path.lexists(self._root / path) for path in entry.paths):
            return _in_the_way(name)
        return entry

    def restore_all(self, entries: Sequence[Trashed]) -> None:
        """Put deletions back where they were, in one change: all of them or none."""
        moved = {entry.stored(path): path for entry in entries for path in entry.paths}
        names = together([entry.name for entry in entries], ", ")
        try:
            files = [Move(self._root / old, self._root / new) for old, new in moved.items()]
            files += [
                Move(self.listing.folder(entry) / MANIFEST, step_path(self._root))
                for entry in entries
            ]
            self._intents.carry_out(files, lambda db: self._catalog.moved(db, moved, {}))
        except FileExistsError as error:
            raise _in_the_way(names) from error
        except OSError as error:
            raise LoRAError(
                say("lora.storage.trash.not_restored", loras=names, reason=error.strerror or error),
            ) from error
        for entry in entries:
            with suppress(OSError):  # the next start sweeps what stays
                _remove_if_empty(self.listing.folder(entry))

    def purge(self, entries: Sequence[Trashed]) -> None:
        """Delete for good, in this order. Each entry goes at once, by its renaming; its files
        may take a moment longer. Needs no space on the disk. Raises LoRAError for the first that
        stays."""
        for entry in entries:
            gone = self._hide(entry)
            with suppress(LoRAError):  # rows of what is gone do no harm until the next sweep
                self._forget(gone, entry)

    def _hide(self, entry: Trashed) -> Path:
        folder = self.listing.folder(entry)
        gone = folder.with_name(f"{PURGED}{entry.id}")
        try:
            rename(folder, gone)
            try:
                sync_folder(gone.parent)
            except OSError:
                rename(gone, folder)
                raise
        except OSError as error:
            raise LoRAError(
                say(
                    "lora.storage.trash.not_purged", lora=entry.name, reason=error.strerror or error
                ),
                suggestions=[say("lora.storage.trash.check_trash")],
            ) from error
        return gone

    def _forget(self, gone: Path, entry: Trashed) -> None:
        """Remove the files of an entry, which makes room for what comes then; its rows; and its
        folder, which stays until they are forgotten. Raises LoRAError if they are not."""
        _empty(gone)
        if self._catalog.fault is None:  # else the rows that count are out of reach
            self._catalog.forget_below(entry.place)
            shutil.rmtree(gone, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a kill left of a purge or a restore. Needs that no intent is unfinished."""
        for base in self.listing.bases():
            for folder in self.listing.folders(base, hidden=True):
                if folder.name.startswith(PURGED):
                    gone = Trashed(folder.name.removeprefix(PURGED), "", (), "", base=base)
                    self._forget(folder, gone)
                elif not folder.name.startswith("."):
                    _remove_if_empty(folder)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _new_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}"


def _in_the_way(name: str) -> LoRAError:
    return LoRAError(
        say("lora.storage.trash.in_the_way", loras=name),
        suggestions=[say("lora.storage.trash.rename_first")],
        context={"name": name},
    )


def _to_blame(error: OSError, folders: Mapping[str, set[str]]) -> list[str]:
    """The names of those in the folder of the file that the error is about."""
    about = {str(Path(name).parent) for name in (error.filename, error.filename2) if name}
    return [name for name, own in folders.items() if own & about]


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _remove_if_empty(folder: Path) -> None:
    """Remove an entry's folder with the empty folders in it; not if it holds a file."""
    inside = sorted(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())
    remove_empty([folder, *inside])
