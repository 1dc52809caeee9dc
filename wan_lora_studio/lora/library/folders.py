"""Folders of the library, and moving a LoRA with all its files from one to another."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index.entries import Entry, PairedBy
from wan_lora_studio.lora.index.entry_files import all_paths, told_apart
from wan_lora_studio.lora.index.library_index import Contents
from wan_lora_studio.lora.inspection.role_evidence import Source
from wan_lora_studio.lora.inspection.role_words import Role
from wan_lora_studio.lora.inspection.scaling import CONFIG_NAME
from wan_lora_studio.lora.names import (
    composed,
    is_lora_file,
    name_key,
    name_problem,
    safe_name,
    without_suffix,
)
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.storage.journal import Intents
from wan_lora_studio.lora.storage.links import moves_of
from wan_lora_studio.lora.storage.moves import make_folder, missing_folders
from wan_lora_studio.lora.storage.pairings import save_pairing

MAX_DEPTH = 8


def checked_folder(folder: str) -> str:
    """A folder's path in the library, with forward slashes and in NFC; "" is the library itself.

    Raises LoRAError for a path with a part that cannot be a name on every system.
    """
    folder = composed(folder)
    parts = folder.split("/") if folder else []
    for part in parts:
        problem = name_problem(part)
        if is_lora_file(part):
            problem = "is for a LoRA file"
        if problem:
            plain = (without_suffix(each) for each in re.split(r"[/\\]+", folder))
            better = "/".join(safe_name(each) for each in plain if each)
            raise LoRAError(
                f"The folder name {part!r} {problem}.",
                suggestions=[f"Use {better!r}, for example." if better else "Choose another name."],
                context={"folder": folder},
            )
    if len(parts) > MAX_DEPTH:
        raise LoRAError(
            f"The folder lies more than {MAX_DEPTH} levels deep.",
            suggestions=["Choose a folder nearer to the top."],
        )
    return folder


def folder_like(root: Path, folder: str) -> str:
    """The path of a folder that a browser sent, made into one that the library can have.

    Raises LoRAError if it is too deep.
    """
    parts: list[str] = []
    for sent in re.split(r"[/\\]+", folder):
        if not sent.strip(". "):
            continue
        name = safe_name(sent)
        name = safe_name(without_suffix(name)) if is_lora_file(name) else name
        parts.append(_as_spelled(root.joinpath(*parts), name))
    checked_folder("/".join(parts))
    return "/".join(parts)


def _as_spelled(folder: Path, name: str) -> str:
    """The name of the folder in there that differs in case or form only, if there is one."""
    try:
        there = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    except OSError:
        return name  # it is not there either
    same = [other for other in there if name_key(other) == name_key(name)]
    return name if name in same or not same else same[0]


def folder_on_disk(root: Path, folder: str) -> str:
    """A folder's path as it is written on disk, where that is in another form of Unicode.

    Raises LoRAError as `checked_folder` does.
    """
    found = ""
    for part in filter(None, checked_folder(folder).split("/")):
        found = f"{found}/{_of_other_form(root / found, part)}".lstrip("/")
    return found


def _of_other_form(folder: Path, name: str) -> str:
    if name.isascii() or (folder / name).is_dir():
        return name
    there = folder.iterdir() if folder.is_dir() else ()
    return next((other.name for other in there if composed(other.name) == name), name)


def create_folder(root: Path, folder: str) -> str:
    """Make a folder and what is missing above it; its path in the library.

    Raises LoRAError; nothing is then left.
    """
    folder = folder_on_disk(root, folder)
    path = root / folder
    try:
        _refuse_same_name(root, folder)
        missing = missing_folders(path, root)
        if not missing:
            raise LoRAError(
                f"There is a folder {folder!r} already.", suggestions=["Choose another name."]
            )
        for step in missing:
            make_folder(step)
    except OSError as error:
        raise LoRAError(
            f"The folder {folder!r} cannot be made: {error.strerror or error}.",
            suggestions=["Choose another name, and check that the LoRA folder is writable."],
        ) from error
    return folder


def _refuse_same_name(root: Path, folder: str) -> None:
    """Names that differ in case only are one folder on some systems."""
    here = root
    for part in PurePosixPath(folder).parts:
        if not here.is_dir():
            return
        for entry in here.iterdir():
            same = name_key(entry.name) == name_key(part)
            if same and (entry.name != part or not entry.is_dir()):
                raise LoRAError(
                    f"{entry.name!r} is there already.",
                    suggestions=[f"Use {entry.name!r} as it is, or choose another name."],
                )
        here /= part


@dataclass(frozen=True)
class Relocation:
    """Moves all files of a LoRA into another folder of the library."""

    root: Path
    contents: Contents
    catalog: Catalog
    intents: Intents

    def move(self, entry: Entry, folder: str) -> dict[str, str]:
        """All files or none; returns old path → new path.

        Raises LoRAError if the folder is not there, or a file of the same name is in it.
        """
        folder = folder_on_disk(self.root, folder)
        self._refuse_folder(folder)
        prefix = f"{folder}/" if folder else ""
        names = told_apart(entry, self.contents.names)
        paths = {
            path: f"{prefix}{names.get(path, PurePosixPath(path).name)}"
            for path in all_paths(entry, self.contents.names)
        }
        paths = {old: new for old, new in paths.items() if old != new}
        self._refuse_clash(entry, folder, paths)
        roles = self._roles_to_keep(entry, paths)
        try:
            moves = moves_of(self.root, paths, self.contents.own_links)
            self.intents.carry_out(moves, lambda db: self._save(db, entry, paths, roles))
        except FileExistsError as error:
            raise self._clash(entry, folder, str(error.filename2 or error.filename)) from error
        except OSError as error:
            raise LoRAError(
                f"{entry.name} could not be moved: {error.strerror or error}. Nothing was changed.",
                suggestions=["Check the permissions of the LoRA folder and try again."],
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
        self.catalog.moved(db, paths, roles)
        if entry.paired_by in (PairedBy.FOLDERS, PairedBy.NEAR_NAME):
            high, low = (entry.files[role].path for role in ("high", "low"))
            save_pairing(db, paths.get(high, high), paths.get(low, low), together=True)

    def _refuse_folder(self, folder: str) -> None:
        path = self.root / folder
        try:
            there = not missing_folders(path, self.root)
        except OSError as error:
            raise LoRAError(
                f"{folder!r} is a symbolic link, which may lead out of the library.",
                suggestions=["Choose a folder of the library itself."],
            ) from error
        if not there:
            raise LoRAError(
                f"There is no folder {folder!r} in the library.",
                suggestions=["Create the folder first."],
                context={"folder": folder},
            )

    def _refuse_clash(self, entry: Entry, folder: str, paths: dict[str, str]) -> None:
        own = {PurePosixPath(path).name for path in paths if _folder_of(path) == folder}
        there = {name_key(name) for name in self.contents.names.get(folder, frozenset()) - own}
        targets = [name_key(PurePosixPath(path).name) for path in paths.values()]
        taken = next((name for name in targets if name in there or targets.count(name) > 1), None)
        if taken:
            raise self._clash(entry, folder, taken)
        # An adapter_config.json changes how every LoRA in its folder is read.
        brings = CONFIG_NAME in targets and any(map(is_lora_file, there))
        if paths and (brings or CONFIG_NAME in there):
            raise LoRAError(
                f"{entry.name} cannot share a folder: {CONFIG_NAME} is for one LoRA alone.",
                suggestions=["Create a new folder for it."],
            )

    def _clash(self, entry: Entry, folder: str, taken: str) -> LoRAError:
        return LoRAError(
            f"{entry.name} cannot move to {folder or 'the top folder'!r}: {Path(taken).name!r} is"
            " there already.",
            suggestions=["Rename one of the two first, or choose another folder."],
            context={"name": entry.name, "folder": folder},
        )

    def _roles_to_keep(self, entry: Entry, paths: dict[str, str]) -> dict[str, Role]:
        """Roles that only the old folder's name stated, or a twin's name beside it."""
        found: dict[str, Role] = {}
        for role, file in entry.files.items():
            evidence = entry.evidence(role)
            elsewhere = evidence.source in (Source.FOLDER_NAME, Source.TWIN)
            if elsewhere and not evidence.is_weak and file.path in paths:
                found[paths[file.path]] = evidence.role
        return found


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]
