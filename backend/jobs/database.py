"""The queue's SQLite file: how it is opened, and its tables."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from backend.errors import SettingsError

SCHEMA_VERSION = 3
BUSY_SECONDS = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    task TEXT NOT NULL,
    progress TEXT NOT NULL,
    result TEXT,
    error TEXT,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    owner TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, seq);
CREATE TABLE IF NOT EXISTS revision (value INTEGER NOT NULL);
INSERT INTO revision SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM revision);
"""
# What each later version adds. `place` orders the queue within a priority; `pins` are the LoRA
# files that a job holds.
STEPS = {
    2: """
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET place = seq;
CREATE TABLE parts (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    changes TEXT NOT NULL,
    task TEXT NOT NULL,
    state TEXT NOT NULL,
    result TEXT,
    error TEXT,
    started REAL,
    finished REAL,
    PRIMARY KEY (job_id, number)
);
CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
""",
    3: "ALTER TABLE jobs ADD COLUMN pins TEXT;",
}


class Database:
    """One connection, used by one thread at a time; each write is one durable transaction."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError if the file cannot be opened or was written by a newer version."""
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two instances may make the file at the same moment.
            with FileLock(path.with_suffix(".lock")):
                self._connection = _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(
                f"The job queue at {path} cannot be opened: {error}.",
                suggestions=[
                    "Check that data_dir in config.json is a folder this user can write to.",
                    "If the file is damaged, move it away; a new queue is made at the next start.",
                ],
                context={"path": str(path)},
            ) from error

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For several queries in a row, by one thread."""
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self, *, counted: bool = True) -> Iterator[sqlite3.Connection]:
        """A write transaction. Nothing of it stays if the block raises.

        `counted` False leaves the revision alone, for what no list shows.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                if counted:
                    self._connection.execute("UPDATE revision SET value = value + 1")
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

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
        connection.execute("PRAGMA synchronous=FULL")
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
            f"The job queue at {path} was written by a newer version of the studio.",
            suggestions=["Update the studio, or give another data_dir in config.json."],
            context={"path": str(path), "version": version},
        )
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version=1; COMMIT;")
    for step in range(max(version, 1) + 1, SCHEMA_VERSION + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {STEPS[step]} PRAGMA user_version={step}; COMMIT;"
        )
