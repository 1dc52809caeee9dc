"""Moving one file: never over another, never lost half way, and taken back from any point."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.filesystem import CREATE, NO_LINKS, link, remove, rename, replace, sync_folder
from wan_lora_studio.lora.storage.cross_device import (
    copy_path,
    copy_to_disk,
    discard_copies,
    is_copy,
)
from wan_lora_studio.texts import say

FEW, AT_ONCE = 4, 16  # folders that are synced one by one; threads that sync more


@dataclass(frozen=True)
class Move:
    """One file from `source` to `target`."""

    source: Path
    target: Path


def move_one(move: Move) -> None:
    """Move a file, to another disk as well. Raises FileExistsError rather than overwrite.

    The new name is on disk before the old one goes; the old one's removal is not yet synced.
    """
    source, target = move.source, move.target
    if is_other_case(source, target):
        rename(source, target)
        return
    try:
        link(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _move_across(move)
            return
        if error.errno not in NO_LINKS:
            raise
        # No hard links here: reserve the name exclusively, then replace the reservation.
        os.close(os.open(target, CREATE, 0o644))
        replace(source, target)
        return
    if source.parent != target.parent:
        sync_folder(target.parent)
    remove(source)


def move_all(moves: Sequence[Move]) -> None:
    """Move files in order, as `move_one` does each.

    Where no move depends on another, all new names are made before the first old one goes, so
    that each folder is synced once. At any point each file is at one of its places at least.
    """
    places = [place for move in moves for place in (move.source, move.target)]
    if len(set(places)) < len(places):
        for move in moves:
            move_one(move)
        return
    linked = []
    for move in moves:
        if _link(move):
            linked.append(move)
        else:
            move_one(move)
    sync_folders({m.target.parent for m in linked if m.source.parent != m.target.parent})
    for move in linked:
        remove(move.source)


def _link(move: Move) -> bool:
    """Give a file its new name besides the old one; False if it has to be moved otherwise."""
    if is_other_case(move.source, move.target):
        return False
    try:
        link(move.source, move.target)
    except OSError as error:
        if error.errno != errno.EXDEV and error.errno not in NO_LINKS:
            raise
        return False
    return True


def _move_across(move: Move) -> None:
    """Move a file to another disk. The copy gets its name when it is whole and compared."""
    copy = copy_path(move.source, move.target)
    copy_to_disk(move.source, copy)
    move_one(Move(copy, move.target))
    sync_folder(move.target.parent)
    remove(move.source)


def undo_one(move: Move) -> None:
    """Take a move back, whatever part of it was done; never over another file.

    If something else is in the old place by now, the file stays in the new one.
    """
    source, target = move.source, move.target
    discard_copies(source, target)
    if not os.path.lexists(target):
        return
    if not os.path.lexists(source) or is_other_case(target, source):
        move_one(Move(target, source))
    elif _same_file(source, target) or _is_empty(target) or is_copy(source, target):
        remove(target)  # a second link or copy, or a reserved name: the file is at `source`


def is_other_case(source: Path, target: Path) -> bool:
    """Whether both names are one entry, on a file system that ignores case."""
    if source == target or source.parent != target.parent:
        return False
    if source.name.casefold() != target.name.casefold() or not _same_file(source, target):
        return False
    names = {entry.name for entry in source.parent.iterdir()}
    return not names >= {source.name, target.name}


def _same_file(first: Path, second: Path) -> bool:
    try:
        return os.path.samestat(first.lstat(), second.lstat())
    except FileNotFoundError:
        return False


def _is_empty(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def make_folder(folder: Path) -> None:
    """Make one folder; its name is on disk when this returns."""
    folder.mkdir()
    sync_folder(folder.parent)


def make_folders(folders: Sequence[Path]) -> None:
    """Make folders, outermost first; their names are on disk when this returns."""
    for folder in folders:
        folder.mkdir()
    sync_folders({folder.parent for folder in folders})


def sync_folders(folders: Collection[Path]) -> None:
    """Sync them, side by side where there are many: the disk then does several at once."""
    if len(folders) <= FEW:
        for folder in folders:
            sync_folder(folder)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(sync_folder, folder) for folder in folders]:
            done.result()


def missing_folders(folder: Path, root: Path) -> list[Path]:
    """What has to be made for `folder` to be there below `root`, outermost first.

    Raises NotADirectoryError as `refuse_linked` does. Nothing is made outside `root`.
    """
    refuse_linked(folder, root)
    return [step for step in reversed(_below(folder, root)) if not step.is_dir()]


def refuse_linked(folder: Path, root: Path) -> None:
    """Raise NotADirectoryError for a symbolic link on the way from `root` to `folder`: what lies
    behind it is not the library's to change."""
    for step in _below(folder, root):
        if step.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, say("lora.storage.link"), str(step))


def _below(folder: Path, root: Path) -> list[Path]:
    """The folder and those that it lies in, up to `root` but without it."""
    if not folder.is_relative_to(root):
        return []
    steps = [folder, *folder.parents]
    return steps[: steps.index(root)]


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of the folders, outermost first in the list, that are empty."""
    for folder in reversed(folders):
        try:
            folder.rmdir()
        except OSError:
            continue  # gone, or somebody has put something into it
