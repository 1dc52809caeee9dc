"""Folders of the library, and moving a LoRA with all its files from one to another."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.library.changes import Changes
from wan_lora_studio.lora.names import (
    composed,
    is_lora_file,
    name_key,
    name_problem,
    safe_name,
    without_suffix,
)
from wan_lora_studio.lora.storage import make_folder, missing_folders
from wan_lora_studio.texts import say

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
            problem = say("lora.library.folders.lora_ending")
        if problem:
            plain = (without_suffix(each) for each in re.split(r"[/\\]+", folder))
            better = "/".join(safe_name(each) for each in plain if each)
            raise LoRAError(
                say("lora.library.folders.bad_name", name=repr(part), problem=problem),
                suggestions=[
                    say("lora.library.folders.try_name", name=repr(better))
                    if better
                    else say("lora.library.choose_other_name")
                ],
                context={"folder": folder},
            )
    if len(parts) > MAX_DEPTH:
        raise LoRAError(
            say("lora.library.folders.too_deep", most=MAX_DEPTH),
            suggestions=[say("lora.library.folders.choose_higher")],
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


def create_folder(changes: Changes, folder: str) -> str:
    """Make a folder, with those above it; its path in the library."""
    with changes.change() as change:
        made = make_new_folder(change.root, folder)
        change.settle(everything=True)
    return made


def make_new_folder(root: Path, folder: str) -> str:
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
                say("lora.library.folders.there_already", folder=repr(folder)),
                suggestions=[say("lora.library.choose_other_name")],
            )
        for step in missing:
            make_folder(step)
    except OSError as error:
        raise LoRAError(
            say(
                "lora.library.folders.not_made", folder=repr(folder), reason=error.strerror or error
            ),
            suggestions=[say("lora.library.folders.choose_or_check")],
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
                    say("lora.library.folders.name_taken", name=repr(entry.name)),
                    suggestions=[say("lora.library.folders.use_or_rename", name=repr(entry.name))],
                )
        here /= part
