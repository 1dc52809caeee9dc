"""Counts the steps by which the library changes a disk, and kills or fails at one of them."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

CALLS = ("link", "unlink", "rename", "replace", "fsync", "write", "mkdir", "rmdir", "fchmod")
CHANGING = ("INSERT", "UPDATE", "DELETE", "COMMIT")


@dataclass
class KillPoint:
    """The point with this number is where the process dies ("kill") or gets an error."""

    kind: str
    number: int
    passed: int = 0
    error: int = errno.EIO
    is_armed: bool = False  # before that, nothing counts

    @property
    def reached(self) -> bool:
        return self.passed > self.number

    def hit(self, failure: Callable[[], Exception]) -> None:
        if not self.is_armed:
            return
        self.passed += 1
        if self.passed - 1 != self.number:
            return
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise failure()


@contextmanager
def points(point: KillPoint) -> Iterator[None]:
    """Within, every step of the operating system and every statement that changes rows counts once
    the point is armed, on connections that were opened within."""

    def io_error() -> Exception:
        return OSError(point.error, os.strerror(point.error))

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            point.hit(io_error)
            return call(*args, **kwargs)

        return wrapper

    class Counting(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql.lstrip().upper().startswith(CHANGING):
                point.hit(_database_error)
            return super().execute(sql, *args)

        def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
            point.hit(_database_error)
            return super().executemany(sql, *args)

        def __exit__(self, *args: Any) -> Any:
            if self.in_transaction and args[0] is None:
                point.hit(_database_error)
            return super().__exit__(*args)

    connect = functools.partial(sqlite3.connect, factory=Counting)
    with ExitStack() as stack:
        for name in CALLS:
            stack.enter_context(mock.patch.object(os, name, counted(getattr(os, name))))
        stack.enter_context(mock.patch.object(sqlite3, "connect", connect))
        yield


def _database_error() -> Exception:
    """As SQLite raises it: its code is what tells an unreadable disk from a damaged file."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    error.sqlite_errorname = "SQLITE_IOERR"
    return error
