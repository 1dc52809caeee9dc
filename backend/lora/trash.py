"""Deleted LoRAs: moved into `<loras_dir>/.trash/<id>/` with a manifest, until restored."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backend.errors import LoRAError, LoRANotFoundError
from backend.lora.placement import Move, move_all, sync_folder

FOLDER = ".trash"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Trashed:
    """One deletion. `paths` are relative to the library; `deleted` is ISO 8601, UTC."""

    id: str
    name: str
    paths: tuple[str, ...]
    deleted: str


class Trash:
    """The trash of one library. Its folder is made when the first LoRA is deleted."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, paths: Sequence[str]) -> Trashed:
        """Move the files away; either all of them or, if anything fails, none."""
        now = datetime.now(UTC)
        entry = Trashed(
            f"{now:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}", name, tuple(paths), now.isoformat()
        )
        folder = self._folder(entry.id)
        folder.mkdir(parents=True)
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            self._write_manifest(folder, entry)
            move_all([Move(self._root / path, folder / path) for path in paths])
        except OSError as error:
            self._remove(entry)
            raise LoRAError(
                f"{name} could not be deleted: {error.strerror or error}. Nothing was changed.",
                suggestions=["Check the permissions of the LoRA folder and try again."],
            ) from error
        return entry

    def restore(self, name: str) -> Trashed:
        """Put the newest deletion of that name back where it was.

        Raises LoRANotFoundError if there is none, LoRAError if something is in its place by
        now; in both cases nothing changes.
        """
        entry = next((item for item in self.entries() if item.name == name), None)
        if entry is None:
            raise LoRANotFoundError(
                f"There is no deleted LoRA named {name!r}.",
                suggestions=["Look into the trash folder for what can be restored."],
                context={"name": name},
            )
        folder = self._folder(entry.id)
        moves = [Move(folder / path, self._root / path) for path in entry.paths]
        for move in moves:
            move.target.parent.mkdir(parents=True, exist_ok=True)
        try:
            move_all(moves)
        except FileExistsError as error:
            raise LoRAError(
                f"{name} cannot be restored: a file of its name is there again.",
                suggestions=["Rename the file that is there now, then restore."],
                context={"name": name},
            ) from error
        except OSError as error:
            raise LoRAError(
                f"{name} could not be restored: {error.strerror or error}. Nothing was changed.",
            ) from error
        self._remove(entry)
        return entry

    def entries(self) -> list[Trashed]:
        """What can be restored, the newest first. A damaged entry is left alone."""
        folder = self._root / FOLDER
        found = []
        for manifest in sorted(folder.glob(f"*/{MANIFEST}"), reverse=True):
            try:
                values = json.loads(manifest.read_text(encoding="utf-8"))
                paths = tuple(str(path) for path in values["paths"])
                entry = Trashed(manifest.parent.name, values["name"], paths, values["deleted"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if all((manifest.parent / path).is_file() for path in entry.paths):
                found.append(entry)
        return found

    def _folder(self, entry_id: str) -> Path:
        return self._root / FOLDER / entry_id

    def _write_manifest(self, folder: Path, entry: Trashed) -> None:
        text = json.dumps({"name": entry.name, "paths": entry.paths, "deleted": entry.deleted})
        with (folder / MANIFEST).open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)

    def _remove(self, entry: Trashed) -> None:
        """Remove an entry's folder, which holds no LoRA any more."""
        folder = self._folder(entry.id)
        (folder / MANIFEST).unlink(missing_ok=True)
        for parent in sorted({(folder / path).parent for path in entry.paths}, reverse=True):
            for step in (parent, *parent.parents):
                if step == folder or any(step.iterdir()):
                    break
                step.rmdir()
        if not any(folder.iterdir()):
            folder.rmdir()
