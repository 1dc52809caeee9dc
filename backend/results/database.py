"""The index's SQLite file. It can be rebuilt from the videos, except for the favourites."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from backend.errors import SettingsError

SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    task_id TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    created REAL NOT NULL,
    source TEXT NOT NULL,
    prompt TEXT NOT NULL,
    model_type TEXT NOT NULL,
    seed INTEGER,
    fps INTEGER,
    frames INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    loras TEXT NOT NULL,
    search TEXT NOT NULL,
    favourite INTEGER NOT NULL DEFAULT 0,
    deleted REAL
);
CREATE INDEX IF NOT EXISTS results_by_time ON results (created DESC, seq DESC);
CREATE INDEX IF NOT EXISTS results_by_task ON results (task_id);
CREATE TABLE IF NOT EXISTS used_loras (
    seq INTEGER NOT NULL REFERENCES results (seq) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (name, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_loras_by_result ON used_loras (seq);
CREATE TABLE IF NOT EXISTS used_files (
    seq INTEGER NOT NULL REFERENCES results (seq) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (sha256, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_files_by_result ON used_files (seq);
CREATE TABLE IF NOT EXISTS revision (value INTEGER NOT NULL);
INSERT INTO revision SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM revision);
"""


class ResultDatabase:
    """One connection behind a lock; each write is one transaction that raises the revision."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError if the file cannot be opened or was written by a newer version."""
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                self._connection = _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(
                f"The index of the results at {path} cannot be opened: {error}.",
                suggestions=[
                    "Check that data_dir in config.json is a folder this user can write to.",
                    "If the file is damaged, move it away; it is made again from the videos.",
                ],
                context={"path": str(path)},
            ) from error

    def rows(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction. Nothing of it stays if the block raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("UPDATE revision SET value = value + 1")
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def revision(self) -> int:
        """A number that grows with every change, whichever instance made it."""
        return int(self.rows("SELECT value FROM revision")[0]["value"])

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise SettingsError(
            f"The index of the results at {path} was written by a newer version.",
            suggestions=["Update the studio, or give another data_dir in config.json."],
            context={"path": str(path), "version": version},
        )
    connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
