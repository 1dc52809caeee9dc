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
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from wan_lora_studio.damaged_files import set_aside
from wan_lora_studio.errors import SettingsError, StorageError, StudioError
from wan_lora_studio.filesystem import file_uri
from wan_lora_studio.storage_faults import (
    Fault,
    damage,
    damage_told,
    fault_of,
    is_damage,
    is_in_content,
    newer_version,
    storage_error,
)
from wan_lora_studio.texts import say

BUSY_SECONDS = 10.0
AGAIN_SECONDS = 5.0  # between two tries to open a file that could not be opened
RETURN_SECONDS = 0.2  # that such a try waits for others
MOST_FINDINGS = 100
KEPT_OPEN = 4  # connections that nobody uses at the moment
# SQLite before 3.42 says so of sound tables WITHOUT ROWID whose key is in another order.
MISTAKEN = "NULL value in "
GENERATION = 1_000_000_000  # more than the writes that one opening of a file sees

logger = logging.getLogger(__name__)
T = TypeVar("T")
Step = str | Callable[[sqlite3.Connection], None]


@dataclass(frozen=True)
class Schema:
    """What a file holds.

    `steps[n]` makes version n + 1 out of version n: SQL, or a function that is called within the
    transaction. `called` names the file in messages; `if_damaged` says what becomes of its content
    if it is damaged.
    """

    called: str
    steps: tuple[Step, ...]
    if_damaged: str


class Connections:
    """Connections to one database, lent one at a time. What is no longer used is closed."""

    def __init__(
        self, first: sqlite3.Connection, another: Callable[[], sqlite3.Connection] | None = None
    ) -> None:
        """Without `another` there is only the first, and users wait for each other."""
        self._free = [first]
        self._another = another
        self._turn: AbstractContextManager[object] = (
            threading.RLock() if not another else nullcontext()
        )
        self._lock = threading.Lock()
        self._is_closed = False
        weakref.finalize(self, _close_all, self._free)

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """Raises sqlite3.Error if there is none and no other can be opened."""
        with self._turn:
            connection = self._taken()
            try:
                yield connection
            finally:
                self._take_back(connection)

    def close(self) -> None:
        """Those that are lent are closed when they come back."""
        with self._lock:
            self._is_closed = True
            _close_all(self._free)

    def _taken(self) -> sqlite3.Connection:
        with self._lock:
            if self._free:
                return self._free.pop()
        if self._another is None:
            raise sqlite3.ProgrammingError("the only connection is closed")
        return self._another()

    def _take_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            is_kept = not self._is_closed and len(self._free) < KEPT_OPEN
            if is_kept and not connection.in_transaction:
                self._free.append(connection)
                return
        connection.close()


def _close_all(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()


class SQLiteFile:
    """A file in WAL mode with a connection for each operation: who reads waits for nobody, and who
    writes for other writers. Each write is one durable transaction.

    Raises StorageError, in words, where the file cannot be read or written.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        busy_seconds: float = BUSY_SECONDS,
        folder_gone: Callable[[Path], Exception] | None = None,
        is_optional: bool = False,
    ) -> None:
        """The file's folder is made; with `folder_gone`, that is raised where it is not there.

        Raises SettingsError if the file was written by a newer version. One that `is_optional` is
        left alone then, and an empty copy in memory stands in for it.
        """
        self.path, self._schema, self._busy = path, schema, busy_seconds
        self._folder_gone, self._is_optional = folder_gone, is_optional
        self._lock = threading.RLock()
        self._writer = threading.RLock()
        self._held = threading.local()
        self._again_at = 0.0
        self._inode: tuple[int, int] | None = None
        self._wal: tuple[int, int] | None = None
        self._suspected = False
        self._spoiled: tuple[int, int] | None = None  # the file whose content is damaged
        self.generation = 0
        self.mended = 0  # how often it was damaged and has been set aside
        self.remade = 0  # how often it was gone while it was in use, and has been made again
        self.fault: Fault | None = None
        self._connections = self._opened()

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        return self.answer(lambda connection: connection.execute(query, values).fetchall())

    def answer(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """What queries find; in the new file, where they find the old one damaged."""
        try:
            with self.reading() as connection:
                return ask(connection)
        except StorageError as error:
            cause = error.__cause__
            if self._in_use() is not None or cause is None or not is_damage(cause):
                raise
        with self.reading() as connection:
            return ask(connection)

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """For several queries in a row, by one thread."""
        return self._lent()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction. Nothing of it stays if the block raises."""
        with self._writer, self._lent(to_write=True) as connection, _transaction(connection):
            yield connection

    @contextmanager
    def amending(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A write transaction that begins with the first change, so that a block which only asks
        waits for nobody. While a copy stands in for the file, the copy is changed.

        One that is not `durable` is as safe against a crash of the program, but a power cut may
        take it back.
        """
        with self._lent() as connection:
            if connection.in_transaction or connection.isolation_level is not None:
                yield connection  # part of what this thread is doing already
                return
            if not durable:
                connection.execute("PRAGMA synchronous=NORMAL")
            connection.isolation_level = "IMMEDIATE"
            try:
                with connection:
                    yield connection
            finally:
                connection.rollback()  # what could not be committed
                connection.isolation_level = None
                if not durable:
                    connection.execute("PRAGMA synchronous=FULL")

    def change(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """A write of what can be made again. Where the file cannot be written, the copy in memory
        is, so that what is read afterwards is true; the file is brought up to date later."""
        if self.fault is None:
            try:
                with self.writing() as connection:
                    return act(connection)
            except StorageError as error:
                if self.fault is None and isinstance(error.__cause__, sqlite3.Error):
                    self.stand_in(error.__cause__)
        with self._lent() as connection, _transaction(connection):
            return act(connection)

    def stand_in(self, error: Exception) -> None:
        """Go on with a copy in memory of what can be read."""
        with self._lock:
            self._note(error)
            copy = _memory()
            try:
                with self._connections.lent() as connection:
                    connection.backup(copy)
            except sqlite3.Error:
                copy.close()
                copy = _in_memory(self.path, self._schema)
            self._replace(Connections(copy))

    def require_own(self) -> None:
        """Go back from the copy to the file. Raises StorageError if that cannot be used yet."""
        with self._lock:
            if self.fault is not None:
                self._return(self._busy)
            if self.fault is not None:
                raise storage_error(self._schema.called, self.fault, self.path)

    def close(self) -> None:
        with self._lock:
            self._connections.close()

    @contextmanager
    def _lent(self, *, to_write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection for this thread: the one it has in use, or a free one."""
        held = self._in_use()
        if held is not None:
            with self._in_words(), damage_told():
                self._require_file(to_write)
                yield held
            return
        with self._lock:
            self._look_after(to_write=to_write)
            self._require_file(to_write)
            connections = self._connections
        try:
            with self._in_words(), damage_told(), connections.lent() as connection:
                self._held.connection = connection
                try:
                    yield connection
                finally:
                    self._held.connection = None
        except (sqlite3.DatabaseError, StorageError) as error:  # that of a query within the block
            cause = error.__cause__ if isinstance(error, StorageError) else error
            if isinstance(cause, sqlite3.DatabaseError):
                self._after(cause, connections)
            raise

    def _in_use(self) -> sqlite3.Connection | None:
        """What this thread uses at the moment."""
        return getattr(self._held, "connection", None)

    def _require_file(self, to_write: bool) -> None:
        if to_write and self.fault is not None:
            raise storage_error(self._schema.called, self.fault, self.path)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """SQLite's errors in words, if they are about the file and not about what was asked."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            fault = fault_of(error, self.path)
            if fault is None:
                raise
            raise storage_error(self._schema.called, fault, self.path) from error

    # Opening, and opening again

    def _opened(self) -> Connections:
        """Connections to the file, or one to a copy of it in memory where it cannot be had."""
        self.generation += 1
        try:
            return self._connected(self._busy)
        except SettingsError as error:  # a newer version wrote it
            if not self._is_optional:
                raise
            self._refuse(error)
            return Connections(_new_memory(self._schema))
        except (sqlite3.Error, OSError) as error:
            self._note(error)
            return Connections(_in_memory(self.path, self._schema))

    def _connected(self, busy_seconds: float) -> Connections:
        self._require_folder()
        was_there = self._inode is not None and self.fault is None
        is_gone = not _has_content(self.path)
        # Two instances may make or mend the file at the same moment.
        with FileLock(self.path.with_suffix(".lock"), timeout=busy_seconds):
            try:
                if self._spoiled is not None and self._spoiled == _identity(self.path):
                    raise damage(say("sqlite_file.unreadable_text"))
                connection = self._connect(busy_seconds)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                set_aside(self.path, self._schema.called, self._schema.if_damaged)
                connection = self._connect(busy_seconds)
                self.mended += 1
        if was_there and is_gone:
            logger.warning("%s was gone from %s and is made anew.", self._schema.called, self.path)
            self.remade += 1
        self._inode, self._wal, self.fault = _identity(self.path), self._wal_identity(), None
        return Connections(connection, self._another)

    def _require_folder(self) -> None:
        folder = self.path.parent
        if self._folder_gone is None:
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            raise self._folder_gone(folder)

    def _connect(self, busy_seconds: float) -> sqlite3.Connection:
        connection = _connect(self.path, self._schema, busy_seconds, thorough=self._suspected)
        connection.execute(f"PRAGMA busy_timeout={int(self._busy * 1000)}")
        return connection

    def _another(self) -> sqlite3.Connection:
        """One more connection to the file as it is open already."""
        return _plainly_connected(f"{file_uri(self.path.absolute())}?mode=rw", self._busy, uri=True)

    def _note(self, error: Exception) -> None:
        """Why the file is not used for now. Raises SettingsError for what is no fault of it."""
        self.fault = fault_of(error, self.path)
        if self.fault is None:
            raise SettingsError(
                say(
                    "sqlite_file.not_opened", what=self._schema.called, path=self.path, reason=error
                ),
                suggestions=[
                    say("sqlite_file.check_data_dir"),
                    say("sqlite_file.move_away", then=self._schema.if_damaged),
                ],
                context={"path": str(self.path)},
            ) from error
        logger.warning("%s cannot be used: %s", self._schema.called, error)
        self._again_at = time.monotonic() + AGAIN_SECONDS

    def _refuse(self, error: SettingsError) -> None:
        """Leave the file of a newer version alone."""
        self.fault = newer_version(error)
        logger.warning("%s", error)
        self._again_at = time.monotonic() + AGAIN_SECONDS

    def _look_after(self, *, to_write: bool = False) -> None:
        """Open the file again if it was replaced, or could not be opened before."""
        if self.fault is None:
            if not self._is_same():
                self._replace(self._opened(), counted=False)
        elif to_write or time.monotonic() >= self._again_at:
            self._return(RETURN_SECONDS)

    def _replace(self, connections: Connections, *, counted: bool = True) -> None:
        self._connections.close()
        self._connections = connections
        self.generation += counted

    def _return(self, busy_seconds: float) -> None:
        """From the copy to the file, if that can be used again."""
        try:
            connections = self._connected(busy_seconds)
        except (sqlite3.Error, OSError) as error:
            self.fault = fault_of(error, self.path) or self.fault
        except SettingsError as error:
            if not self._is_optional:
                raise
            self._refuse(error)
        except StudioError:  # its folder is gone
            if self._folder_gone is None:
                raise
        else:
            self._replace(connections)
            return
        self._again_at = time.monotonic() + AGAIN_SECONDS

    def _is_same(self) -> bool:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not to be had at the moment; the open file goes on
        # A connection would go on with a WAL that is gone, and what it writes would be gone too.
        is_own = (found.st_dev, found.st_ino) == self._inode and self._wal_identity() == self._wal
        return is_own and found.st_size > 0

    def _wal_identity(self) -> tuple[int, int] | None:
        try:
            return _identity(self.path.with_name(f"{self.path.name}-wal"))
        except OSError:
            return None

    def _after(self, error: sqlite3.DatabaseError, connections: Connections) -> None:
        """Set a damaged file aside, unless another thread or program has done so."""
        with self._lock:
            if (
                not is_damage(error)
                or self.fault is not None
                or connections is not self._connections
            ):
                return
            connections.close()
            self._suspected = True
            self._spoiled = self._inode if is_in_content(error) else None
            try:
                self._connections = self._opened()
            finally:
                self._suspected, self._spoiled = False, None


class CountedFile(SQLiteFile):
    """A file whose table `revision` counts the writes, whichever instance makes them."""

    def revision(self) -> int:
        """Another number after each write, and whenever the file was opened again."""
        while True:
            generation = self.generation
            rows = self.rows("SELECT value FROM revision")
            if generation == self.generation:  # the number is of that opening
                break
        # What a bad disk left in a number's place begins anew with the next write.
        value = rows[0]["value"] if rows and isinstance(rows[0]["value"], int) else 0
        return (generation - 1) * GENERATION + value

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


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _plainly_connected(
    place: str | Path, busy_seconds: float, *, uri: bool = False
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        place, timeout=busy_seconds, isolation_level=None, check_same_thread=False, uri=uri
    )
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _connect(
    path: Path, schema: Schema, busy_seconds: float, *, thorough: bool = False
) -> sqlite3.Connection:
    connection = _plainly_connected(path, busy_seconds)
    try:
        require_version(connection, path, schema.called, len(schema.steps))
        require_sound(connection, thorough=thorough)
        connection.execute("PRAGMA journal_mode=WAL")
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
            say("sqlite_file.newer", what=called, path=path),
            suggestions=[say("sqlite_file.update")],
            context={"path": str(path), "version": version},
        )
    return version


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    version = require_version(connection, path, schema.called, len(schema.steps))
    for number, step in enumerate(schema.steps[version:], version + 1):
        if isinstance(step, str):
            script = f"BEGIN IMMEDIATE; {step}; PRAGMA user_version={number}; COMMIT;"
            connection.executescript(script)
        else:
            with _transaction(connection):
                step(connection)
                connection.execute(f"PRAGMA user_version={number}")


def _require_tables(connection: sqlite3.Connection, schema: Schema) -> None:
    """Raises sqlite3.DatabaseError for a file that lacks what its version has."""
    with closing(_memory()) as model:
        _bring_up_to_date(model, Path(), schema)
        missing = _columns(model) - _columns(connection)
    if missing:
        table, column = min(missing)
        raise damage(say("sqlite_file.no_column", table=repr(table), column=repr(column)))


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    query = (
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
        " WHERE m.type='table'"
    )
    return {(table, column) for table, column in connection.execute(query)}


def _memory() -> sqlite3.Connection:
    return _plainly_connected(":memory:", 0)


def _new_memory(schema: Schema) -> sqlite3.Connection:
    connection = _memory()
    _bring_up_to_date(connection, Path(), schema)
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
        connection = _new_memory(schema)
    return connection


def read_into(connection: sqlite3.Connection, path: Path) -> None:
    """Read the file with its WAL, where that can be copied to another place; else without."""
    wal = path.with_name(f"{path.name}-wal")
    with tempfile.TemporaryDirectory() as folder:
        source = f"{file_uri(path.absolute())}?mode=ro&immutable=1"
        if wal.exists() and wal.stat().st_size:
            copy = Path(folder) / path.name
            try:
                shutil.copyfile(path, copy)
                shutil.copyfile(wal, copy.with_name(f"{copy.name}-wal"))
                source = file_uri(copy)
            except OSError:
                pass  # no room there either
        with closing(sqlite3.connect(source, uri=True)) as readable:
            readable.backup(connection)
