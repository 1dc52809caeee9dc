"""A SQLite file that threads and processes share: how it is opened, brought up to date, written."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from backend.errors import SettingsError

BUSY_SECONDS = 30.0


@dataclass(frozen=True)
class Schema:
    """What a file holds.

    `steps[n]` is the SQL that makes version n + 1 out of version n. `called` names the file in
    messages; `if_damaged` says what moving it away costs.
    """

    called: str
    steps: tuple[str, ...]
    if_damaged: str


class SQLiteFile:
    """One connection behind a lock, in WAL mode; each write is one durable transaction."""

    def __init__(self, path: Path, schema: Schema) -> None:
        """Raises SettingsError if the file cannot be opened or was written by a newer version."""
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two instances may make the file at the same moment.
            with FileLock(path.with_suffix(".lock")):
                self._connection = _connect(path, schema)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(
                f"{schema.called} at {path} cannot be opened: {error}.",
                suggestions=[
                    "Check that data_dir in config.json is a folder this user can write to.",
                    f"If the file is damaged, move it away; {schema.if_damaged}.",
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


class CountedFile(SQLiteFile):
    """A file whose table `revision` counts the writes, whichever instance makes them."""

    def revision(self) -> int:
        return int(self.rows("SELECT value FROM revision")[0]["value"])

    @contextmanager
    def writing(self, *, counted: bool = True) -> Iterator[sqlite3.Connection]:
        """As for any file. `counted` False leaves the revision alone, for what no list shows."""
        with super().writing() as connection:
            yield connection
            if counted:
                connection.execute("UPDATE revision SET value = value + 1")


def _connect(path: Path, schema: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        _bring_up_to_date(connection, path, schema)
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(schema.steps):
        raise SettingsError(
            f"{schema.called} at {path} was written by a newer version of the studio.",
            suggestions=["Update the studio, or give another data_dir in config.json."],
            context={"path": str(path), "version": version},
        )
    for number, step in enumerate(schema.steps[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version={number}; COMMIT;")
