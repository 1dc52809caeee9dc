"""Storage faults: why a file of the app's own cannot be read or written, in words.

Sources: sqlite.org/rescode.html; the codes come with the exceptions, no message is matched.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from filelock import Timeout

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import StorageError, StudioError
from wan_lora_studio.filesystem import HeldFileError
from wan_lora_studio.texts import say

logger = logging.getLogger(__name__)
T = TypeVar("T")
Kind = Literal["full", "locked", "read_only", "damaged", "failing", "newer"]
CONTENT = "content"
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
BY_CODE: dict[int, Kind] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_IOERR: "failing",
    sqlite3.SQLITE_CANTOPEN: "failing",
}
BY_NUMBER: dict[int, Kind] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EROFS: "read_only",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
}
NO_PLACE = (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
STATUS: dict[Kind, int] = {"full": 507, "locked": 503}
ROOM = 256 * 1024  # bytes; with less, what cannot be opened is taken to lack the room


class UnsoundError(ValueError):
    """A row holds something that this app did not write."""


@dataclass(frozen=True)
class Fault:
    """`said` is what the system said; `cause` and `suggestion` are for the user."""

    kind: Kind
    said: str
    cause: str
    suggestion: str

    @property
    def status(self) -> int:
        """Of an HTTP answer."""
        return STATUS.get(self.kind, 503)


def is_damage(error: BaseException) -> bool:
    return _code(error) in DAMAGE


def is_in_content(error: BaseException) -> bool:
    """Whether damage is in what a file holds, where no check of SQLite's finds it."""
    return getattr(error, "sqlite_errorname", "") == CONTENT


def damage(said: str, name: str = "SQLITE_CORRUPT") -> sqlite3.DatabaseError:
    """The error that SQLite raises for a damaged file."""
    error = sqlite3.DatabaseError(said)
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_CORRUPT, name
    return error


def stored_value(stored: object, kind: type[T]) -> T | None:
    """The value of JSON that we stored; None where another program, or a bad disk, has left
    something else, so that one row costs one thing."""
    try:
        return sound_value(stored, kind)
    except UnsoundError:
        logger.warning("A row holds something this app did not write: %.80r", stored)
        return None


def sound_value(stored: object, kind: type[T]) -> T:
    """The value of JSON that we stored. Raises UnsoundError for anything else, such as what no
    answer of ours can hold."""
    if not isinstance(stored, str | bytes):
        raise UnsoundError(say("storage_faults.no_text"))
    try:
        value = json.loads(stored)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError as error:
        raise UnsoundError(say("storage_faults.nested")) from error
    except ValueError as error:
        raise UnsoundError(say("storage_faults.no_json")) from error
    if not isinstance(value, kind):
        raise UnsoundError(say("storage_faults.no_kind", kind=kind.__name__))
    return value


@contextmanager
def damage_told() -> Iterator[None]:
    """Text that is none is damage, too: Python raises errors of its own for it, also while it
    words one of SQLite's that quotes it."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise damage(say("storage_faults.unreadable_text"), CONTENT) from error
    except sqlite3.OperationalError as error:
        if hasattr(error, "sqlite_errorcode"):
            raise
        raise damage(say("storage_faults.unreadable_text"), CONTENT) from error


def fault_of(error: BaseException, path: Path) -> Fault | None:
    """What keeps the file at `path` from being used; None if the error is about something else."""
    kind = _kind(error)
    if kind is None:
        return None
    if kind == "failing":
        kind = _looked_into(path)
    cause, suggestion = _words(kind, path)
    return Fault(kind, str(error), cause, suggestion)


def full_disk(path: Path) -> Fault | None:
    """Whether the disk of a file has no room left for a write."""
    with suppress(OSError):
        if shutil.disk_usage(path.parent).free < ROOM:
            cause, suggestion = _words("full", path)
            return Fault("full", say("storage_faults.disk_full"), cause, suggestion)
    return None


def newer_version(error: StudioError) -> Fault:
    """A file that a newer version of the app wrote, as that error says."""
    cause = say("storage_faults.left")
    return Fault("newer", str(error), cause, error.suggestions[0])


def storage_error(called: str, fault: Fault, path: Path) -> StorageError:
    words = {"what": called, "reason": fault.said}
    said = (
        say("storage_faults.damaged", **words)
        if fault.kind == "damaged"
        else say("storage_faults.unusable", **words)
    )
    return StorageError(
        fault.said if fault.kind == "newer" else said,
        cause=fault.cause,
        suggestions=[fault.suggestion],
        context={"path": str(path), "reason": fault.kind, "status": fault.status},
    )


def _code(error: BaseException) -> int:
    """SQLite's primary code; 0 for what is none of its errors."""
    return int(getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _kind(error: BaseException) -> Kind | None:
    if isinstance(error, sqlite3.Error):
        return BY_CODE.get(_code(error))
    if isinstance(error, Timeout | HeldFileError):
        return "locked"
    if isinstance(error, OSError):
        # A name or a folder that cannot be is a wrong setting.
        return None if error.errno in NO_PLACE else BY_NUMBER.get(error.errno or 0, "failing")
    return None


def _looked_into(path: Path) -> Kind:
    """Opening fails alike for want of room and of rights: look at the folder."""
    folder = path.parent
    with suppress(OSError):
        if shutil.disk_usage(folder).free < ROOM:
            return "full"
        if not os.access(path if path.exists() else folder, os.W_OK):
            return "read_only"
    return "failing"


def _words(kind: Kind, path: Path) -> tuple[str, str]:
    folder = path.parent
    return {
        "full": (
            say("storage_faults.full_cause"),
            say("storage_faults.free_space", folder=folder),
        ),
        "locked": (
            say("storage_faults.held_cause"),
            say("storage_faults.close_others"),
        ),
        "read_only": (
            say("storage_faults.read_only_cause"),
            say("storage_faults.check_rights", folder=folder),
        ),
        "damaged": (
            say("storage_faults.damaged_cause"),
            say("storage_faults.restore", command=COMMAND),
        ),
        "failing": (
            say("storage_faults.failing_cause"),
            say("storage_faults.check_disk", folder=folder),
        ),
    }[kind]
