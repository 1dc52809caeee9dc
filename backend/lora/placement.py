"""Moving files inside the library: never over another file, all of them or none."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES)


@dataclass(frozen=True)
class Move:
    """One file from `source` to `target`."""

    source: Path
    target: Path


def move_all(moves: Sequence[Move], then: Callable[[], None] = lambda: None) -> None:
    """Move every file, then call `then`. If anything fails, all files are back where they were.

    Raises FileExistsError if a target is there, OSError for other faults, and whatever `then`
    raises. Folders are synced, so that what returned is on disk.
    """
    done: list[Move] = []
    try:
        for move in moves:
            move_one(move.source, move.target)
            done.append(move)
        sync_folders(moves)
        then()
    except BaseException:
        for move in reversed(done):
            move_one(move.target, move.source)
        raise


def move_one(source: Path, target: Path) -> None:
    """Move a file. Raises FileExistsError rather than overwrite."""
    if source.name != target.name and _same_file(source, target):
        source.rename(target)  # only the case changes, on a file system that ignores case
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        # No hard links here: reserve the name exclusively, then replace the reservation.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        source.replace(target)
    else:
        source.unlink()


def _same_file(source: Path, target: Path) -> bool:
    try:
        return source.samefile(target)
    except FileNotFoundError:
        return False


def sync_folders(moves: Sequence[Move]) -> None:
    for folder in {path.parent for move in moves for path in (move.source, move.target)}:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to disk, where the system can open folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
