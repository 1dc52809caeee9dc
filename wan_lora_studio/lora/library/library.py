"""The LoRA library: what is in the folder, and every change to it.

Each change holds a lock within the process and a lock file against a second instance, and
either happens completely or leaves everything as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index import all_paths
from wan_lora_studio.lora.library.adding import Adoption
from wan_lora_studio.lora.library.custom_preview import PreviewedLibrary
from wan_lora_studio.lora.library.folders import create_folder, folder_like
from wan_lora_studio.lora.library.following import Following
from wan_lora_studio.lora.library.moving import Relocation
from wan_lora_studio.lora.library.renaming import Renaming
from wan_lora_studio.lora.names import composed, name_key
from wan_lora_studio.lora.storage import Move, StagedFile, StagedSidecar, bump_revision, stage_file


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
        with self._lock:
            self._look(now=True)

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
        with self._changing():
            name = self._name_of(self._place(staged, sidecars, folder))
            with suppress(LoRAError):
                self.thumbnail_file(name)
            return self.record(name)

    def place(
        self, staged: StagedFile, sidecars: Sequence[StagedSidecar] = (), folder: str = ""
    ) -> str:
        """Place a validated stage with the files that go beside it; returns its path.

        Raises UploadError if its content or its name is there already; the stages then stay.
        """
        with self._changing():
            return self._place(staged, sidecars, folder)

    def add_sidecar(self, name: str, staged: StagedSidecar) -> dict[str, Any]:
        """Place a file beside a LoRA (the first of a pair), under its name; returns its record.

        Raises LoRANotFoundError, or LoRAError if it is there already; the stage then stays.
        """
        with self._changing():
            file = self._changeable(name).entry.first
            target = self.root / file.folder / f"{file.stem}{staged.ending}"
            try:
                self._intents.carry_out([Move(staged.path, target)], bump_revision)
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
        self, staged: StagedFile, sidecars: Sequence[StagedSidecar] = (), folder: str = ""
    ) -> str:
        adoption = Adoption(self.root, self._contents, self._catalog, self._intents)
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
        with self._changing():
            prepared = self._changeable(name)
            self._trash.put(name, all_paths(prepared.entry, self._contents.names))
            self._settle()
            with suppress(OSError, LoRAError):
                self._trash.purge(self._expired())
        return True

    def undo_delete(self, name: str, entry_id: str | None = None) -> bool:
        """Restore the newest deletion of that name; never over a file that is there now.

        `entry_id` chooses another one, by its `id` in `list_trash`.
        """
        with self._changing():
            self._trash.restore(name, entry_id)
            self._settle()
        return True

    def rename_lora_file(self, old_name: str, new_name: str) -> bool:
        """Rename all files of the LoRA; halves of a pair keep their role words. All or none.

        Raises LoRANotFoundError, or LoRAError for a name that is taken or not allowed.
        """
        with self._changing():
            prepared = self._changeable(old_name)
            if prepared.entry.name == composed(new_name):
                return True
            Renaming(self.root, self._contents, self._catalog, self._intents).rename(
                prepared.entry, new_name
            )
            self._settle()
        return True

    def move_lora_file(self, name: str, folder: str) -> dict[str, Any]:
        """Move all files of the LoRA into a folder that is there ("" is the top); the record.

        A name that was taken from the folder, or told two apart, may change with it. Raises
        LoRANotFoundError, or LoRAError if the folder is not there or holds such files already.
        """
        with self._changing():
            prepared = self._changeable(name)
            relocation = Relocation(self.root, self._contents, self._catalog, self._intents)
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
            self._settle()
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
                self._seen_revision = self._catalog.revision()

    def follow_worker(self, loras: Callable[[], Mapping[str, Any]]) -> None:
        """Take what records tell of loading and applying from `loras`, asked each time: by name,
        `{"state": "applied" or another, "strength": strength}`."""
        self._worker = loras
