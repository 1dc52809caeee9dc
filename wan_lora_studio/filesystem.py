"""File system: what all that open, move and remove files rely on, on every system.

On Windows a file that another program has open, or that is mapped into memory, cannot be renamed,
replaced or removed. A virus scanner or a search index has each new file open for a moment, so
these are tried again a few times; then the error says who may hold the file.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePath
from urllib.parse import quote

from wan_lora_studio.texts import say

# Whether a file that this program has open, or mapped, can be moved and removed all the same.
MOVES_OPEN_FILES = os.name == "posix"
# What link() says where there are no links. Windows says EINVAL, macOS has ENOTSUP of its own.
NO_LINKS = (
    *(errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV),
    *(errno.EINVAL, getattr(errno, "ENOTSUP", errno.EOPNOTSUPP)),
)
# Windows translates the line ends of what is opened by number, unless it is told not to.
BINARY = getattr(os, "O_BINARY", 0)
READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | BINARY  # no FIFO is waited for
READ_NO_LINK = READ | getattr(os, "O_NOFOLLOW", 0)
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY
WAITS = (0.02, 0.05, 0.1, 0.2, 0.4)  # seconds between tries
DENIED, HELD, LOCKED = 5, 32, 33  # numbers of Windows' errors
NO_PATH, TOO_LONG = 3, 206
LONGEST = 259  # characters of a path, where Windows' long paths are not turned on


class HeldFileError(PermissionError):
    """Another program has the file open, or this one does."""


def rename(source: Path, target: Path) -> None:
    """As `Path.rename`. Raises HeldFileError; an OSError in words for a path that is too long."""
    _patiently(lambda: source.rename(target), source, target)


def replace(source: Path, target: Path) -> None:
    """As `Path.replace`, which overwrites `target`. Raises as `rename` does."""
    _patiently(lambda: source.replace(target), source, target)


def link(source: Path, target: Path) -> None:
    """A second name for a file; of a link, for the link itself. Raises as `rename` does."""
    _patiently(lambda: os.link(source, target, follow_symlinks=False), source, target)


def remove(path: Path, *, missing_ok: bool = False) -> None:
    """As `Path.unlink`, of a file that is marked read-only too. Raises as `rename` does."""
    _patiently(lambda: _remove(path, missing_ok=missing_ok), path)


def _remove(path: Path, *, missing_ok: bool) -> None:
    try:
        path.unlink(missing_ok=missing_ok)
    except PermissionError as error:
        if _number(error) != DENIED or path.lstat().st_mode & stat.S_IWRITE:
            raise
        path.chmod(stat.S_IWRITE)  # Windows removes no file that is read-only
        path.unlink(missing_ok=missing_ok)


def _patiently(act: Callable[[], object], *paths: Path) -> None:
    for seconds in WAITS:
        try:
            act()
        except OSError as error:
            if _number(error) not in (DENIED, HELD, LOCKED):
                raise _in_words(error, paths) from error
            time.sleep(seconds)
        else:
            return
    try:
        act()
    except OSError as error:
        raise _in_words(error, paths) from error


def _in_words(error: OSError, paths: tuple[Path, ...]) -> OSError:
    """The error that says what Windows' number means; any other as it is."""
    number, name = _number(error), str(paths[0])
    if number in (HELD, LOCKED):
        return HeldFileError(
            errno.EACCES,
            say("filesystem.held"),
            name,
        )
    if number == DENIED:
        return HeldFileError(
            errno.EACCES,
            say("filesystem.denied"),
            name,
        )
    if number == TOO_LONG or (number == NO_PATH and max(map(_length, paths)) > LONGEST):
        return OSError(
            errno.ENAMETOOLONG,
            say("filesystem.too_long", longest=LONGEST),
            name,
        )
    return error


def _number(error: OSError) -> int | None:
    """Windows' number of an error; None on other systems."""
    return getattr(error, "winerror", None)


def _length(path: Path) -> int:
    return len(str(path.absolute()))


def sync_file(path: Path) -> None:
    """Bring a file's content to disk. Windows does that only for one that is open for writing."""
    descriptor = os.open(path, os.O_RDWR | BINARY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to disk, where the system can open folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_private(folder: Path) -> None:
    """Make a folder, or take one that is this user's, so that nobody else may look into it.

    A file system that knows no owners, or a folder of somebody else's, stays as it is.
    """
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.name == "posix" and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)


def file_uri(path: PurePath) -> str:
    """The URI by which SQLite opens the file at an absolute path, a drive's or a share's too."""
    text = path.as_posix()
    whole = text if text.startswith("/") else f"/{text}"
    return "file://" + quote(whole.encode(errors="surrogateescape"), safe="/:")
