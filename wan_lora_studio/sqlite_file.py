"""SQLite file that threads and processes share: opened, brought up to date, written, mended.

A file that is damaged is set aside under a dated name, and a new one takes its place. One that
cannot be opened for writing, because its disk is full or read-only or another program holds it,
is read from a copy in memory until it can.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from wan_lora_studio.damaged_files import set_aside
from wan_lora_studio.errors import SettingsError, StorageError
from wan_lora_studio.storage_faults import (
    Fault,
    damage,
    damage_told,
    fault_of,
    is_damage,
    is_in_content,
    storage_error,
)

BUSY_SECONDS = 10.0
AGAIN_SECONDS = 5.0  # between two tries to open a file that could not be opened
RETURN_SECONDS = 0.2  # that such a try waits for others
MOST_FINDINGS = 100
# SQLite before 3.42 says so of sound tables WITHOUT ROWID whose key is in another order.
MISTAKEN = "NULL value in "
GENERATION = 1_000_000_000  # more than the writes that one opening of a file sees

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Schema:
    """What a file holds.

    `steps[n]` is the SQL that makes version n + 1 out of version n. `called` names the file in
    messages; `if_damaged` says what becomes of its content if it is damaged.
    """

    called: str
    steps: tuple[str, ...]
    if_damaged: str


class SQLiteFile:
    """One connection behind a lock, in WAL mode; each write is one durable transaction.

    Raises StorageError, in words, where the file cannot be read or written.
    """

    def __init__(self, path: Path, schema: Schema, *, busy_seconds: float = BUSY_SECONDS) -> None:
        """Raises SettingsError if the file was written by a newer version."""
        self.path, self._schema, self._busy = path, schema, busy_seconds
        self._lock = threading.RLock()
        self._again_at = 0.0
        self._inode: tuple[int, int] | None = None
        self._suspected = False
        self._spoiled: tuple[int, int] | None = None  # the file whose content is damaged
        self.generation = 0
        self.fault: Fault | None = None
        self._connection = self._opened()

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            self._look_after()
            try:
                with damage_told():
                    return self._connection.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                self._after(error)
                if self._connection.in_transaction or not is_damage(error):
                    raise self._told(error) from error
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For several queries in a row, by one thread."""
        with self._lock:
            self._look_after()
            try:
                with damage_told():
                    yield self._connection
            except sqlite3.DatabaseError as error:
                self._after(error)
                raise self._told(error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction. Nothing of it stays if the block raises."""
        with self._lock:
            self._look_after(to_write=True)
            if self.fault is not None:
                raise storage_error(self._schema.called, self.fault, self.path)
            try:
                with damage_told(), self._transaction():
                    yield self._connection
            except StorageError as error:  # of a query within the block
                if isinstance(error.__cause__, sqlite3.DatabaseError):
                    self._after(error.__cause__)
                raise
            except sqlite3.DatabaseError as error:
                self._after(error)
                raise self._told(error) from error

    def change(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """A write of what can be made again. Where the file cannot be written, the copy in memory
        is, so that what is read afterwards is true; the file is brought up to date later."""
        with self._lock:
            if self.fault is None:
                try:
                    with self.writing() as connection:
                        return act(connection)
                except StorageError as error:
                    if self.fault is None and isinstance(error.__cause__, sqlite3.Error):
                        self._stand_in(error.__cause__)
            with self._transaction():
                return act(self._connection)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    # Opening, and opening again

    def _opened(self) -> sqlite3.Connection:
        """A connection to the file, or to a copy of it in memory where that cannot be had."""
        try:
            connection = self._connected(self._busy)
        except (sqlite3.Error, OSError) as error:
            self._note(error)
            connection = _in_memory(self.path, self._schema)
        self.generation += 1
        return connection

    def _connected(self, busy_seconds: float) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Two instances may make or mend the file at the same moment.
        with FileLock(self.path.with_suffix(".lock"), timeout=busy_seconds):
            try:
                if self._spoiled is not None and self._spoiled == _identity(self.path):
                    raise damage("it holds text that cannot be read")
                connection = self._connect()
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                set_aside(self.path, self._schema.called, self._schema.if_damaged)
                connection = self._connect()
        self._inode, self.fault = _identity(self.path), None
        return connection

    def _connect(self) -> sqlite3.Connection:
        return _connect(self.path, self._schema, self._busy, thorough=self._suspected)

    def _note(self, error: Exception) -> None:
        """Why the file is not used for now. Raises SettingsError for what is no fault of it."""
        self.fault = fault_of(error, self.path)
        if self.fault is None:
            raise SettingsError(
                f"{self._schema.called} at {self.path} cannot be opened: {error}.",
                suggestions=[
                    "Check that data_dir in config.json is a folder this user can write to.",
                    f"If the file is another program's, move it away; {self._schema.if_damaged}.",
                ],
                context={"path": str(self.path)},
            ) from error
        logger.warning("%s cannot be used: %s", self._schema.called, error)
        self._again_at = time.monotonic() + AGAIN_SECONDS

    def _stand_in(self, error: sqlite3.Error) -> None:
        """Go on with a copy in memory of what can be read."""
        self._note(error)
        connection = _memory()
        try:
            self._connection.backup(connection)
        except sqlite3.Error:
            connection.close()
            connection = _in_memory(self.path, self._schema)
        self._connection.close()
        self._connection = connection
        self.generation += 1

    def _look_after(self, *, to_write: bool = False) -> None:
        """Open the file again if it was replaced, or could not be opened before."""
        if self._connection.in_transaction:
            return
        if self.fault is None:
            if not self._is_same():
                self._connection.close()
                self._connection = self._opened()
        elif to_write or time.monotonic() >= self._again_at:
            self._return()

    def _return(self) -> None:
        """From the copy to the file, if that can be used again."""
        try:
            connection = self._connected(RETURN_SECONDS)
        except (sqlite3.Error, OSError) as error:
            self.fault = fault_of(error, self.path) or self.fault
            self._again_at = time.monotonic() + AGAIN_SECONDS
            return
        self._connection.close()
        self._connection = connection
        self.generation += 1

    def _is_same(self) -> bool:
        try:
            return _identity(self.path) == self._inode
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not to be had at the moment; the open file goes on

    def _after(self, error: sqlite3.DatabaseError) -> None:
        """Set a damaged file aside, unless another program has done so."""
        if is_damage(error) and self.fault is None and not self._connection.in_transaction:
            self._connection.close()
            self._suspected = True
            self._spoiled = self._inode if is_in_content(error) else None
            try:
                self._connection = self._opened()
            finally:
                self._suspected, self._spoiled = False, None

    def _told(self, error: sqlite3.DatabaseError) -> Exception:
        """The error in words, if it is about the file and not about what was asked of it."""
        fault = fault_of(error, self.path)
        return error if fault is None else storage_error(self._schema.called, fault, self.path)


class CountedFile(SQLiteFile):
    """A file whose table `revision` counts the writes, whichever instance makes them."""

    def revision(self) -> int:
        """Another number after each write, and whenever the file was opened again."""
        with self._lock:
            rows = self.rows("SELECT value FROM revision")
            # What a bad disk left in a number's place begins anew with the next write.
            value = rows[0]["value"] if rows and isinstance(rows[0]["value"], int) else 0
            return (self.generation - 1) * GENERATION + value

    @contextmanager
    def writing(self, *, counted: bool = True) -> Iterator[sqlite3.Connection]:
        """As for any file. `counted` False leaves the revision alone, for what no list shows."""
        with super().writing() as connection:
            yield connection
            if counted:
                connection.execute("UPDATE revision SET value = value + 1")

    def change(self, act: Callable[[sqlite3.Connection], T]) -> T:
        def counted(connection: sqlite3.Connection) -> T:
            done = act(connection)
            if self.fault is not None:  # else `writing` counts
                connection.execute("UPDATE revision SET value = value + 1")
            return done

        return super().change(counted)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _connect(
    path: Path, schema: Schema, busy_seconds: float, *, thorough: bool = False
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    try:
        connection.row_factory = sqlite3.Row
        require_sound(connection, thorough=thorough)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        with damage_told():
            _bring_up_to_date(connection, path, schema)
            _require_tables(connection, schema)
    except BaseException:
        connection.close()
        raise
    return connection


def require_sound(connection: sqlite3.Connection, *, thorough: bool = False) -> None:
    """Raises sqlite3.DatabaseError, as SQLite does, for a file with damaged pages; when it is
    `thorough`, also for indexes that do not fit their tables."""
    check = "integrity_check" if thorough else "quick_check"
    with damage_told():
        rows = connection.execute(f"PRAGMA {check}({MOST_FINDINGS})").fetchall()
    found = [row[0] for row in rows if row[0] != "ok" and not row[0].startswith(MISTAKEN)]
    if found:
        raise damage(f"database disk image is malformed: {found[0]}")


def require_version(connection: sqlite3.Connection, path: Path, called: str, newest: int) -> int:
    """The version of a file. Raises SettingsError if it is newer than `newest`."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > newest:
        raise SettingsError(
            f"{called} at {path} was written by a newer version of the studio.",
            suggestions=[
                "Update the studio, or give other folders in config.json (data_dir, loras_dir)."
            ],
            context={"path": str(path), "version": version},
        )
    return version


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    version = require_version(connection, path, schema.called, len(schema.steps))
    for number, step in enumerate(schema.steps[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version={number}; COMMIT;")


def _require_tables(connection: sqlite3.Connection, schema: Schema) -> None:
    """Raises sqlite3.DatabaseError for a file that lacks what its version has."""
    with closing(_memory()) as model:
        _bring_up_to_date(model, Path(), schema)
        missing = _columns(model) - _columns(connection)
    if missing:
        table, column = min(missing)
        raise damage(f"its table {table!r} has no column {column!r}, or is not there")


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    query = (
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
        " WHERE m.type='table'"
    )
    return {(table, column) for table, column in connection.execute(query)}


def _memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _in_memory(path: Path, schema: Schema) -> sqlite3.Connection:
    """A copy of a file that cannot be opened as usual, or an empty one in its place."""
    connection = _memory()
    try:
        read_into(connection, path)
        require_sound(connection)
        _bring_up_to_date(connection, path, schema)
    except (sqlite3.Error, OSError):
        connection.close()
        connection = _memory()
        _bring_up_to_date(connection, path, schema)
    return connection


def read_into(connection: sqlite3.Connection, path: Path) -> None:
    """Read the file with its WAL, where that can be copied to another place; else without."""
    wal = path.with_name(f"{path.name}-wal")
    with tempfile.TemporaryDirectory() as folder:
        source = f"file:{path.as_posix()}?mode=ro&immutable=1"
        if wal.exists() and wal.stat().st_size:
            copy = Path(folder) / path.name
            try:
                shutil.copyfile(path, copy)
                shutil.copyfile(wal, copy.with_name(f"{copy.name}-wal"))
                source = f"file:{copy.as_posix()}"
            except OSError:
                pass  # no room there either
        with closing(sqlite3.connect(source, uri=True)) as readable:
            readable.backup(connection)
