"""Asking for the catalogue's revision, as often as anybody likes."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from pathlib import Path


class RevisionWatch:
    """One connection that stays open, so that asking for the revision takes microseconds.

    It also keeps SQLite from folding the WAL away whenever another connection closes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._inode = -1
        self._connection: sqlite3.Connection | None = None

    def revision(self) -> int:
        with self._lock:
            try:
                if self._path.stat().st_ino != self._inode:
                    self._reopen()
                assert self._connection is not None
                rows = self._connection.execute(
                    "SELECT value FROM counters WHERE name='revision'"
                ).fetchall()
            except (OSError, sqlite3.Error):
                return 0
        return int(rows[0][0]) if rows else 0

    def _reopen(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._inode = self._path.stat().st_ino
        self._connection = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
        weakref.finalize(self, self._connection.close)
