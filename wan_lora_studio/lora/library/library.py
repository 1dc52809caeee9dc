"""The LoRA library: what is in the folder, and every change to it.

Each change keeps others away, those of other processes by a lock file, and either happens
completely or leaves everything as it was. Asking does not wait for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRAError, StudioError
from wan_lora_studio.lora.index import all_paths
from wan_lora_studio.lora.library.adding import Adoption
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.custom_preview import PreviewedLibrary
from wan_lora_studio.lora.library.folders import create_folder, folder_like
from wan_lora_studio.lora.library.following import Following
from wan_lora_studio.lora.library.moving import Relocation
from wan_lora_studio.lora.library.removing import Removal, Several
from wan_lora_studio.lora.library.renaming import Renaming
from wan_lora_studio.lora.names import SUFFIX, composed, name_key
from wan_lora_studio.lora.storage import (
    Move,
    StagedFile,
    StagedSidecar,
    Trashed,
    bump_revision,
    stage_file,
)


class LoRALibrary(PreviewedLibrary):
    """The library at `settings.loras_dir`, with the methods that change it."""

    def _looked(self, *, changed: bool, now: bool) -> None:
        if self._contents.moved and not self._contents.offline:
            self._follow()
        super()._looked(changed=changed, now=now)

    def _follow(self) -> None:
        """Bring what the app wrote beside a LoRA to where another program has moved it.

        If that cannot be done now, the next look tries again; the edits are in the catalogue.
        """
        with suppress(LoRAError, OSError), self._if_unlocked():
            following = Following(self.root, self._contents, self._catalog.edits())
            moves = following.moves(self._contents.moved)
            if moves:
                self._intents.carry_out(moves, bump_revision)
                self._contents.look(now=True)
            self._contents.moved.clear()

    def refresh(self) -> None:
        """Look at the folder and at the installed models again, now."""
        with self._turn.for_refresh():
            self._look_in_turn(now=True)

    def upload_lora_file(self, file_path: str | Path, filename: str) -> dict[str, Any]:
        """Copy a file into the library under the given name; returns its record.

        Raises UploadError, LoRAFileError or UnsupportedLoRAError; then nothing has changed.
        """
        staged = stage_file(self.settings, Path(file_path), filename)
        try:
            return self.adopt(staged)
        finally:
            staged.abort()  # after a success the stage has moved, so this does nothing

    def adopt(
        self, staged: StagedFile, folder: str = "", sidecars: Sequence[StagedSidecar] = ()
    ) -> dict[str, Any]:
        """Place a validated stage, as `place`; returns the record it belongs to."""
        with self._adding(staged, folder) as change:
            name = self._name_of(self._place(change, staged, sidecars, folder))
            with suppress(LoRAError):
                self.thumbnail_file(name)
            return self.record(name)

    def place(
        self, staged: StagedFile, sidecars: Sequence[StagedSidecar] = (), folder: str = ""
    ) -> str:
        """Place a validated stage with the files that go beside it; returns its path.

        Raises UploadError if its content or its name is there already; the stages then stay.
        """
        with self._adding(staged, folder) as change:
            return self._place(change, staged, sidecars, folder)

    def _adding(self, staged: StagedFile, folder: str) -> AbstractContextManager[Change]:
        """What else is in the library counts too: its content may be there already."""
        path = f"{folder}/{staged.filename}" if folder else staged.filename
        return self._changing(at=[path], everything=self._contents.is_due)

    def add_sidecar(self, name: str, staged: StagedSidecar) -> dict[str, Any]:
        """Place a file beside a LoRA (the first of a pair), under its name; returns its record.

        Raises LoRANotFoundError, or LoRAError if it is there already; the stage then stays.
        """
        with self._changing(name) as change:
            file = self._changeable(name).entry.first
            target = self.root / file.folder / f"{file.stem}{staged.ending}"
            try:
                change.carry_out([Move(staged.path, target)], bump_revision)
            except FileExistsError as error:
                raise LoRAError(
                    f"{target.name} is there already.",
                    suggestions=["Keep the one that is there, or remove it first."],
                ) from error
            except OSError as error:
                raise LoRAError(
                    f"{target.name} could not be placed: {error.strerror or error}.",
                    suggestions=["Check that the LoRA folder is writable and its disk not full."],
                ) from error
            self._settle()
            return self.record(self._name_of(file.path))

    def _place(
        self, change: Change, staged: StagedFile, sidecars: Sequence[StagedSidecar], folder: str
    ) -> str:
        adoption = Adoption(self.root, self._contents, self._catalog, change)
        path = adoption.place(staged, sidecars, folder)
        self._settle()
        return path

    def name_at(self, path: str) -> str:
        """The name of the LoRA that has the file at `path`, relative to the library."""
        with self._lock:
            return self._name_of(path)

    def folder_like(self, folder: str) -> str:
        """A folder's path as it can be in the library: with the spelling of folders that are
        there, and names that every system takes. Raises LoRAError if it is too deep."""
        return folder_like(self.root, folder)

    def folder_names(self) -> set[str]:
        """The names in the library's top folder, casefolded."""
        return {name_key(entry.name) for entry in os.scandir(self.root)}

    def delete_lora_file(self, name: str) -> bool:
        """Move all files of the LoRA into the trash. `undo_delete` brings them back."""
        self.delete_loras([name]).require_all()
        return True

    def delete_loras(self, names: Sequence[str]) -> Several:
        """Move the files of these LoRAs into the trash, all in one change.

        One that is not there, or cannot be moved, stops no other. What was deleted comes back by
        `undo_deletes` with the `token` of what is returned.
        """
        with self._changing(*names) as change:
            waiting, refused = self._all_paths(names)
            entries = Removal(self._trash, change).remove(waiting, refused)
            self._settle()
            with suppress(OSError, LoRAError):
                self._trash.purge(self._expired())
        return Several(refused, entries[0].together or entries[0].id if entries else None)

    def _all_paths(
        self, names: Sequence[str]
    ) -> tuple[dict[str, list[str]], dict[str, StudioError]]:
        """All files of each, and why some may not be touched."""
        found: dict[str, list[str]] = {}
        refused: dict[str, StudioError] = {}
        for name in names:
            try:
                entry = self._changeable(name).entry
                found[entry.name] = all_paths(entry, self._contents.names)
            except LoRAError as error:
                refused[name] = error
        return found, refused

    def undo_delete(self, name: str, entry_id: str | None = None) -> bool:
        """Restore the newest deletion of that name; never over a file that is there now.

        `entry_id` chooses another one, by its `id` in `list_trash`.
        """
        self.undo_deletes([name], entry_id).require_all()
        return True

    def undo_deletes(self, names: Sequence[str], token: str | None = None) -> Several:
        """Restore deletions of these names, all in one change: the newest of each, or those of
        that token or id. One that cannot be restored stops no other."""
        with self._changing() as change:
            found = dict(zip(names, self._trash.found(names, token), strict=True))
            refused = {name: each for name, each in found.items() if isinstance(each, StudioError)}
            by_id = {each.id: each for each in found.values() if isinstance(each, Trashed)}
            entries = list(by_id.values())
            if entries:
                self._trash.restore_all(entries)
                change.annotate(path for entry in entries for path in entry.paths)
                self._settle()
        return Several(refused)

    def rename_lora_file(self, old_name: str, new_name: str) -> bool:
        """Rename all files of the LoRA; halves of a pair keep their role words. All or none.

        Raises LoRANotFoundError, or LoRAError for a name that is taken or not allowed.
        """
        with self._changing(old_name, at=[f"{new_name}{SUFFIX}"]) as change:
            prepared = self._changeable(old_name)
            if prepared.entry.name == composed(new_name):
                return True
            Renaming(self.root, self._contents, self._catalog, change).rename(
                prepared.entry, new_name
            )
            self._settle()
        return True

    def move_lora_file(self, name: str, folder: str) -> dict[str, Any]:
        """Move all files of the LoRA into a folder that is there ("" is the top); the record.

        A name that was taken from the folder, or told two apart, may change with it. Raises
        LoRANotFoundError, or LoRAError if the folder is not there or holds such files already.
        """
        with self._changing(name, at=[f"{folder}/{name}" if folder else name]) as change:
            prepared = self._changeable(name)
            relocation = Relocation(self.root, self._contents, self._catalog, change)
            paths = relocation.move(prepared.entry, folder)
            if not paths:
                return self.record(name)
            self._settle()
            first = prepared.entry.first.path
            return self.record(self._name_of(paths.get(first, first)))

    def create_folder(self, folder: str) -> str:
        """Make a folder, with those above it; returns its path in the library.

        Raises LoRAError for one that is there already, or whose name is not allowed.
        """
        with self._changing():
            folder = create_folder(self.root, folder)
            self._settle(everything=True)
        return folder

    def list_trash(self) -> list[dict[str, Any]]:
        """What `undo_delete` can bring back, the newest first: `id`, `name`, `files`,
        `deleted` (ISO 8601, UTC), `size_mb`."""
        return [entry.to_plain() for entry in self._trash.entries()]

    def empty_trash(self) -> int:
        """Delete for good everything that is in the trash; returns how many LoRAs that were."""
        with self._emptying():
            entries = self._trash.entries()
            self._trash.purge(entries)
        return len(entries)

    def set_status(self, applied: Mapping[str, float]) -> None:
        """Say which LoRAs are applied, and how strongly, where no worker is followed."""
        with self._lock:
            if dict(applied) != self._applied:
                self._applied = dict(applied)
                self._catalog.bump()
                self._contents.seen_revision = self._catalog.revision()

    def follow_worker(self, loras: Callable[[], Mapping[str, Any]]) -> None:
        """Take what records tell of loading and applying from `loras`, asked each time: by name,
        `{"state": "applied" or another, "strength": strength}`."""
        self._worker = loras
