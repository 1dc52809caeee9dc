"""Files in `<loras_dir>/.staging/` that are on their way in.

A file that arrives from outside is locked (`flock`) by the process that writes it for as long
as it is there, so that a sweep tells a running upload from one whose process is dead. Where
the system has no such locks, its age tells. A file that is only an intermediate step of a
change (`.tmp`) is made and used under the library's lock.
"""

from __future__ import annotations

import importlib
import os
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from wan_lora_studio.filesystem import CREATE, READ_NO_LINK, remove
from wan_lora_studio.texts import say

FOLDER = ".staging"
STEP = ".tmp"
STALE_SECONDS = 24 * 3600
_LOCKS: Any = importlib.import_module("fcntl") if os.name == "posix" else None


def stage_folder(root: Path) -> Path:
    """The staging folder, made if it is not there, unlike the library's. Raises OSError."""
    folder = root / FOLDER
    if folder.is_symlink():
        raise NotADirectoryError(say("lora.storage.linked_folder", folder=folder))
    folder.mkdir(exist_ok=True)
    return folder


def create_locked(root: Path, suffix: str) -> tuple[int, Path]:
    """An open, empty stage that no sweep removes while its descriptor is open."""
    folder = stage_folder(root)
    while True:
        path = folder / f"{uuid.uuid4().hex}{suffix}"
        descriptor = os.open(path, CREATE, 0o644)
        if lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return descriptor, path
        os.close(descriptor)  # a sweep saw the file before it was locked, and removes it


def lock(descriptor: int) -> bool | None:
    """Take the file's lock. False if another holds it, None where there are no locks."""
    if _LOCKS is None:
        return None
    try:
        _LOCKS.flock(descriptor, _LOCKS.LOCK_EX | _LOCKS.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None  # this file system has none
    return True


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however many calls it takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_step(root: Path, data: bytes, mode: int | None = None) -> Path:
    """A synced stage with this content, for a change under the library's lock."""
    path = step_path(root)
    descriptor = os.open(path, CREATE, 0o644)
    try:
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
        write_all(descriptor, data)
        os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return path


def step_path(root: Path) -> Path:
    """A free name for an intermediate step."""
    return stage_folder(root) / f"{uuid.uuid4().hex}{STEP}"


def discard_stages(paths: Iterable[Path]) -> None:
    """Remove those of the paths that are intermediate steps. What stays now is swept later."""
    for path in paths:
        if path.suffix == STEP:
            with suppress(OSError):
                remove(path, missing_ok=True)


def sweep_stages(root: Path) -> None:
    """Remove what dead processes left. Needs the library's lock, and no unfinished intent."""
    folder = root / FOLDER
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in folder.iterdir():
        try:
            if path.suffix == STEP or _is_abandoned(path):
                path.unlink()
        except OSError:
            continue  # another instance was faster, or it is no file of ours


def _is_abandoned(path: Path) -> bool:
    descriptor = os.open(path, READ_NO_LINK)
    try:
        free = lock(descriptor)
    finally:
        os.close(descriptor)
    return free if free is not None else time.time() - path.lstat().st_mtime > STALE_SECONDS
