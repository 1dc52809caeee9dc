"""Bringing a file to another disk: copied beside its new place, and compared before it counts."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from wan_lora_studio.filesystem import CREATE, READ_NO_LINK, remove
from wan_lora_studio.lora.storage.staging_area import write_all
from wan_lora_studio.texts import say

CHUNK_BYTES = 1024 * 1024


def copy_path(source: Path, target: Path) -> Path:
    """Where the copy is made: hidden beside `target`, always the same for the same two places."""
    seed = f"{source}\n{target}".encode(errors="surrogateescape")
    return target.with_name(f".moving-{hashlib.sha256(seed).hexdigest()[:24]}")


def copy_to_disk(source: Path, copy: Path) -> None:
    """Copy a file or a symbolic link with its times, down to the disk, and read it back.

    Raises OSError; what was copied by then stays.
    """
    before = source.lstat()
    remove(copy, missing_ok=True)  # only a cut-off move can have left one there
    if stat.S_ISLNK(before.st_mode):
        copy.symlink_to(source.readlink())
        return
    if not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EXDEV, say("lora.storage.only_files"), str(source))
    if shutil.disk_usage(copy.parent).free < before.st_size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(copy.parent))
    wanted = _write_copy(source, copy)
    after = source.lstat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise OSError(errno.EBUSY, say("lora.storage.changed_while_copied"), str(source))
    if _hashed(copy) != wanted:
        raise OSError(errno.EIO, say("lora.storage.not_equal"), str(copy))


def is_copy(first: Path, second: Path) -> bool:
    """Whether two files, or two symbolic links, hold the same."""
    one, other = first.lstat(), second.lstat()
    if stat.S_IFMT(one.st_mode) != stat.S_IFMT(other.st_mode) or one.st_size != other.st_size:
        return False
    if stat.S_ISLNK(one.st_mode):
        return first.readlink() == second.readlink()
    return stat.S_ISREG(one.st_mode) and _hashed(first) == _hashed(second)


def discard_copies(source: Path, target: Path) -> None:
    """Remove what a move that was cut off left of its copy, in either direction."""
    for copy in (copy_path(source, target), copy_path(target, source)):
        remove(copy, missing_ok=True)


def _write_copy(source: Path, copy: Path) -> str:
    """The SHA256 of what was read."""
    digest = hashlib.sha256()
    descriptor = os.open(copy, CREATE, 0o600)
    try:
        with os.fdopen(os.open(source, READ_NO_LINK), "rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                write_all(descriptor, chunk)
        with suppress(OSError):  # a disk that keeps no modes or times
            shutil.copystat(source, copy)
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):  # so that reading it back asks the disk
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def _hashed(path: Path) -> str:
    with os.fdopen(os.open(path, READ_NO_LINK), "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
