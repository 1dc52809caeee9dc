"""Small JSON documents under names, in a SQLite file: what the page keeps for its user.

Each write is one durable transaction, so that a crash leaves the old document or the new one.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.errors import SettingsError

BUSY_SECONDS = 15.0
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS documents"
    " (name TEXT PRIMARY KEY, body TEXT NOT NULL, changed REAL NOT NULL)"
)


class Documents:
    """The documents of one file. Any thread may use it; so may several processes."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError if the file cannot be opened."""
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(
                f"{path} cannot be opened: {error}.",
                suggestions=[
                    "Check that data_dir in config.json is a folder this user can write to.",
                    "If the file is damaged, move it away; a new one is made at the next start.",
                ],
                context={"path": str(path)},
            ) from error

    def get(self, name: str) -> Any | None:
        with self._lock:
            row = self._connection.execute(
                "SELECT body FROM documents WHERE name=?", (name,)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def all(self) -> dict[str, Any]:
        """Every document by name, in the order of the names."""
        with self._lock:
            rows = self._connection.execute("SELECT name, body FROM documents ORDER BY name")
            return {name: json.loads(body) for name, body in rows}

    def put(self, name: str, body: Any) -> None:
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
                (name, json.dumps(body, ensure_ascii=False), time.time()),
            )

    def rename(self, old: str, new: str) -> None:
        with self.writing() as connection:
            connection.execute("UPDATE documents SET name=? WHERE name=?", (new, old))

    def remove(self, name: str) -> bool:
        with self.writing() as connection:
            done = connection.execute("DELETE FROM documents WHERE name=?", (name,))
        return done.rowcount > 0

    def forget_before(self, moment: float) -> None:
        """Remove what was last changed before `moment` (seconds since 1970)."""
        with self.writing() as connection:
            connection.execute("DELETE FROM documents WHERE changed<?", (moment,))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction. Nothing of it stays if the block raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()
