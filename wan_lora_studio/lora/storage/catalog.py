"""The library's memory between runs: SQLite (WAL) at `<loras_dir>/.catalog.sqlite`.

Keeps cached inspections and hashes (valid for one path, size and mtime_ns), usage, roles that
were set by hand, and the revision. A connection is opened for each operation, so any thread
and any process may use it. Paths are relative to the library, with forward slashes.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from filelock import FileLock

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.damaged_files import set_aside
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import Hashes
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage.edits import Edits, read_edits
from wan_lora_studio.lora.storage.file_rows import FILE_COLUMNS, FileRow, insert_files
from wan_lora_studio.lora.storage.load_history import SCHEMA as LOADS
from wan_lora_studio.lora.storage.missing_folder import folder_gone
from wan_lora_studio.lora.storage.pairings import SCHEMA as PAIRINGS
from wan_lora_studio.lora.storage.pairings import (
    HandPairs,
    drop_pairings,
    move_pairings,
    read_pairings,
)
from wan_lora_studio.lora.storage.revision import RevisionWatch
from wan_lora_studio.sqlite_file import read_into, require_sound, require_version
from wan_lora_studio.storage_faults import (
    Fault,
    damage,
    damage_told,
    fault_of,
    is_damage,
    is_in_content,
    stored_value,
)

logger = logging.getLogger(__name__)
T = TypeVar("T")

NAME = ".catalog.sqlite"
CALLED = "The library's catalogue"
IF_DAMAGED = (
    "files are looked through again; titles, tags, favourites and uses are in the copies that"
    f" '{COMMAND} restore' lists"
)
BUSY_SECONDS = 30.0
SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    info TEXT, error TEXT, sha256 TEXT, form TEXT, inode INTEGER NOT NULL DEFAULT 0,
    present INTEGER NOT NULL DEFAULT 1, expert TEXT, model_hash TEXT, words TEXT,
    said TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forms (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, form TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS beside (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (
    stem TEXT PRIMARY KEY, stamp TEXT NOT NULL, reading TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_hash ON files (sha256);
CREATE TABLE IF NOT EXISTS usage (
    path TEXT PRIMARY KEY, use_count INTEGER NOT NULL, last_used TEXT NOT NULL,
    last_strength TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS roles (path TEXT PRIMARY KEY, role TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edits (path TEXT PRIMARY KEY, edits TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (
    name TEXT PRIMARY KEY, version TEXT NOT NULL, content TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pictures_by_content ON pictures (content);
CREATE TABLE IF NOT EXISTS data_hashes (
    sha256 TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (
    path TEXT PRIMARY KEY, video TEXT NOT NULL, alone INTEGER NOT NULL) WITHOUT ROWID;
DROP TABLE IF EXISTS thumbnails;
INSERT OR IGNORE INTO counters VALUES ('revision', 1);
"""
MOVED_TABLES = ("files", "usage", "roles", "edits", "made")
# Columns that a catalogue of an older version lacks.
ADDED_COLUMNS = {
    "form": "TEXT",
    "inode": "INTEGER NOT NULL DEFAULT 0",
    "present": "INTEGER NOT NULL DEFAULT 1",
    "expert": "TEXT",
    "model_hash": "TEXT",
    "words": "TEXT",
    "said": "TEXT",
}


@dataclass(frozen=True)
class Usage:
    """How often, when (ISO 8601, UTC) and how strongly a LoRA was used."""

    use_count: int
    last_used: str
    last_strength: Any


def _read_usage(db: sqlite3.Connection) -> dict[str, Usage]:
    rows = db.execute("SELECT path, use_count, last_used, last_strength FROM usage")
    return {
        path: Usage(count, used, stored_value(text, object)) for path, count, used, text in rows
    }


class Catalog:
    """The catalogue of one library. Construction creates the file if it is not there."""

    def __init__(self, folder: Path) -> None:
        """Raises SettingsError if a newer version of the studio wrote the file.

        A damaged one is set aside, and a new one made. Where the folder cannot be written, a copy
        in a folder for passing things stands in: what is known is listed, `fault` says why.
        """
        self.path = self._own_path = folder / NAME
        self._extra_tables: list[str] = []
        self._place: TemporaryDirectory[str] | None = None
        self.fault: Fault | None = None
        self.mended = 0  # how often it was damaged and has been set aside
        self.remade = 0  # how often the file was gone and had to be made again
        try:
            self._make()
        except LoRAError as error:
            self._stand_in(error)
        self._watch = RevisionWatch(self.path)

    def go_on_without(self, error: LoRAError) -> bool:
        """Let a copy stand in for a file that cannot be written, so that reading goes on; one
        that was damaged has been made anew already.

        False if the error is about something else, or a copy is in use already.
        """
        cause = error.__cause__
        fault = None if cause is None else fault_of(cause, self.path)
        if self.fault is not None or fault is None:
            return False
        if fault.kind == "damaged":
            return True
        self._stand_in(error)
        self._watch = RevisionWatch(self.path)
        return True

    def require_own(self) -> None:
        """Go back from the copy to the library's own file, for a change that has to stay.

        Raises LoRAError if that cannot be written yet.
        """
        if self.fault is None:
            return
        was, self.path = self.path, self._own_path
        try:
            self._make()
        except LoRAError:
            self.path = was
            raise
        self.fault, self._watch = None, RevisionWatch(self.path)

    def read_own(self, query: str) -> list[tuple[object, ...]]:
        """What the library's own file answers, also where it can only be read. Raises
        sqlite3.Error or OSError."""
        with closing(sqlite3.connect(":memory:")) as connection:
            read_into(connection, self._own_path)
            return connection.execute(query).fetchall()

    def _make(self) -> None:
        """Raises LoRAError if the file cannot be made."""
        try:
            self._create()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._told(error) from error
            self._mend()

    def _stand_in(self, error: LoRAError) -> None:
        """Copy what can be read. Raises the error if that is of no use here."""
        cause = error.__cause__
        self.fault = fault_of(cause, self.path) if cause is not None else None
        if self.fault is None or not self.path.parent.is_dir():
            raise error
        logger.warning("%s cannot be written: %s", CALLED, cause)
        self._place = TemporaryDirectory()
        self.path = Path(self._place.name) / NAME
        with closing(sqlite3.connect(self.path)) as connection, suppress(sqlite3.Error, OSError):
            read_into(connection, self._own_path)
        try:
            self._create()
        except sqlite3.Error:  # what was read is not whole
            self.path.unlink(missing_ok=True)
            self._create()

    def add_table(self, schema: str) -> None:
        """A table of another part of the library, made now and in every new file."""
        self._extra_tables.append(schema)
        with self._open() as db:
            db.execute(schema)

    def _create(self, *, thorough: bool = False) -> None:
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as connection:
            require_sound(connection, thorough=thorough)
            require_version(connection, self.path, CALLED, SCHEMA_VERSION)
            connection.execute("PRAGMA journal_mode=WAL")
            with damage_told():
                connection.executescript(SCHEMA)
            for schema in (PAIRINGS, LOADS, *self._extra_tables):
                connection.execute(schema)
            there = {row[1] for row in connection.execute("PRAGMA table_info(files)")}
            for name, kind in ADDED_COLUMNS.items():
                if name not in there:
                    connection.execute(f"ALTER TABLE files ADD COLUMN {name} {kind}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _mend(self, spoiled: tuple[int, int] | None = None) -> None:
        """Set a damaged file aside and begin a new one, unless another program has done so.

        The file `spoiled`, if it is there still, is damaged whatever SQLite finds."""
        try:
            with FileLock(self.path.with_suffix(".lock"), timeout=BUSY_SECONDS):
                try:
                    if spoiled is not None and spoiled == self._identity():
                        raise damage("it holds text that cannot be read")
                    self._create(thorough=True)
                except sqlite3.Error as error:
                    if not is_damage(error):
                        raise
                    set_aside(self.path, CALLED, IF_DAMAGED)
                    self._create()
                    self.mended += 1
        except (sqlite3.Error, OSError) as error:
            raise self._told(error) from error

    @contextmanager
    def _open(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction; committed on success, rolled back on any exception.

        One that is not `durable` is as safe against a crash of the program, but a power cut may
        take it back. A damaged file is mended for the next one, one that is gone is made again.
        """
        self._make_again()
        was = self._identity()
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as connection:
                connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                with damage_told(), connection:
                    yield connection
        except sqlite3.Error as error:
            if is_damage(error) or self._is_empty():
                self._mend(spoiled=was if is_in_content(error) else None)
            raise self._told(error) from error

    def _make_again(self) -> None:
        """Where the folder was emptied or replaced while it was in use, begin anew."""
        if self.fault is not None or not self._is_gone():
            return
        if not self.path.parent.is_dir():
            raise folder_gone(self.path.parent)
        logger.warning("%s was gone from %s and is made anew.", CALLED, self.path.parent)
        self._make()
        self.remade += 1

    def _identity(self) -> tuple[int, int] | None:
        with suppress(OSError):
            found = self.path.stat()
            return found.st_dev, found.st_ino
        return None

    def _is_gone(self) -> bool:
        try:
            return self.path.stat().st_size == 0
        except OSError:
            return True

    def _is_empty(self) -> bool:
        """Whether the file was removed: opening it has made an empty one."""
        with suppress(OSError):
            return self.path.stat().st_size == 0
        return False

    def _told(self, error: Exception) -> LoRAError:
        fault = fault_of(error, self.path)
        verb = "was damaged" if is_damage(error) else "cannot be used"
        return LoRAError(
            f"{CALLED} {verb}: {error}.",
            cause=fault.cause if fault else "",
            suggestions=[fault.suggestion] if fault else [],
            context={"reason": fault.kind, "status": fault.status} if fault else {},
        )

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """What a query finds; in the new file, where it finds the old one damaged."""
        try:
            with self._open() as db:
                return query(db)
        except LoRAError as error:
            if error.__cause__ is None or not is_damage(error.__cause__):
                raise
        with self._open() as db:
            return query(db)

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[sqlite3.Connection]:
        """For a change that reaches into several tables: all of it or nothing."""
        return self._open(durable=durable)

    def revision(self) -> int:
        """Grows with every change by any instance; 0 when the catalogue cannot be reached."""
        return self._watch.revision()

    def bump(self, least: int = 0) -> None:
        """Say that something a page shows has changed; the revision becomes at least `least`."""
        with self._open() as db:
            db.execute(
                "UPDATE counters SET value = max(value + 1, ?) WHERE name='revision'", (least,)
            )

    def files(self) -> dict[str, FileRow]:
        with self._open() as db:
            rows = db.execute(f"SELECT {FILE_COLUMNS} FROM files")
            return {row[0]: FileRow(*row) for row in rows}

    def save_hash(
        self, path: str, size: int, mtime_ns: int, sha256: str, data: str | None = None
    ) -> None:
        """Keep the hash of a file if its row is still of the same size and time; `data` is that
        of its tensor data alone."""
        with self._open(durable=False) as db:
            if data:
                save_data_hash(db, Hashes(sha256, data))
            db.execute(
                "UPDATE files SET sha256=? WHERE path=? AND size=? AND mtime_ns=?",
                (sha256, path, size, mtime_ns),
            )

    def data_hashes(self) -> dict[str, str]:
        """The hash of the tensor data alone, by that of the whole file."""
        with self._open() as db:
            return dict(db.execute("SELECT sha256, data FROM data_hashes").fetchall())

    def usage(self) -> dict[str, Usage]:
        return self._read(_read_usage)

    def record_use(self, strengths: Mapping[str, Any], when: str, video: str | None = None) -> None:
        """Count one use of each path at its strength (JSON-ready).

        `video` is what was made; a path keeps the first one in which it was used alone, or else
        the first one at all.
        """
        rows = [(path, when, json.dumps(strength)) for path, strength in strengths.items()]
        with suppress(LoRAError):  # a copy counts it at least while it is in use
            self.require_own()
        with self._open() as db:
            db.executemany(
                "INSERT INTO usage VALUES (?, 1, ?, ?) ON CONFLICT (path) DO UPDATE SET"
                " use_count = use_count + 1, last_used = excluded.last_used,"
                " last_strength = excluded.last_strength",
                rows,
            )
            if video is not None:
                alone = len(strengths) == 1
                db.executemany(
                    "INSERT INTO made VALUES (?, ?, ?) ON CONFLICT (path) DO UPDATE SET"
                    " video = excluded.video, alone = excluded.alone"
                    " WHERE excluded.alone > made.alone",
                    [(path, video, alone) for path in strengths],
                )
            bump_revision(db)

    def made(self) -> dict[str, str]:
        """A finished video in which each file was used, by path."""
        with self._open() as db:
            return dict(db.execute("SELECT path, video FROM made").fetchall())

    def roles(self) -> dict[str, Role]:
        with self._open() as db:
            return dict(db.execute("SELECT path, role FROM roles").fetchall())

    def set_role(self, path: str, role: Role | None) -> None:
        """Overrule a file's role; None goes back to the evidence."""
        with self._open() as db:
            save_role(db, path, role)
            bump_revision(db)

    def edits(self) -> dict[str, Edits]:
        """What the user said about each file, by path."""
        return self._read(read_edits)

    def pairings(self) -> HandPairs:
        """The pairs that the user made or split."""
        with self._open() as db:
            return read_pairings(db)

    def arrived(self, db: sqlite3.Connection, row: FileRow) -> None:
        """Within a transaction, note a file that was added.

        What is known of another file that was once at its path does not become its own.
        """
        same = db.execute(
            "SELECT 1 FROM files WHERE path=? AND sha256=?", (row.path, row.sha256)
        ).fetchone()
        for table in () if same else MOVED_TABLES:
            db.execute(f"DELETE FROM {table} WHERE path=?", (row.path,))
        if not same:
            drop_pairings(db, row.path)
        insert_files(db, [row])
        bump_revision(db)

    def moved(
        self, db: sqlite3.Connection, paths: Mapping[str, str], roles: Mapping[str, Role]
    ) -> None:
        """Within a transaction, carry what is known of files along to their new paths.

        `roles` are roles to set at the new paths. Inspections are dropped, because a role may
        have been read from the old name.
        """
        for table in MOVED_TABLES:
            for old, new in paths.items():
                db.execute(f"DELETE FROM {table} WHERE path=? AND path<>?", (new, old))
                db.execute(f"UPDATE {table} SET path=? WHERE path=?", (new, old))
        move_pairings(db, paths)
        for old, new in paths.items():
            # On another disk it is another inode, and still the same file.
            crossed = Path(old).is_absolute() != Path(new).is_absolute()
            inode = ", inode=0" if crossed else ""
            db.execute(f"UPDATE files SET info=NULL{inode} WHERE path=?", (new,))
        db.executemany("INSERT OR REPLACE INTO roles VALUES (?, ?)", roles.items())
        bump_revision(db)

    def forget_below(self, prefix: str) -> None:
        """Drop what is known of files that are gone for good, by how their paths begin."""
        with self._open() as db:
            for table in MOVED_TABLES:
                db.execute(f"DELETE FROM {table} WHERE substr(path, 1, ?)=?", (len(prefix), prefix))
            db.execute(
                "DELETE FROM pairings WHERE substr(high, 1, ?1)=?2 OR substr(low, 1, ?1)=?2",
                (len(prefix), prefix),
            )


def save_role(db: sqlite3.Connection, path: str, role: Role | None) -> None:
    """Within a transaction, overrule a file's role; None goes back to the evidence."""
    db.execute("DELETE FROM roles WHERE path=?", (path,))
    if role is not None:
        db.execute("INSERT INTO roles VALUES (?, ?)", (path, role))


def save_data_hash(db: sqlite3.Connection, hashes: Hashes) -> None:
    """Within a transaction, keep what a file's tensor data alone has for a hash."""
    db.execute("INSERT OR REPLACE INTO data_hashes VALUES (?, ?)", hashes)


def bump_revision(db: sqlite3.Connection) -> None:
    db.execute("UPDATE counters SET value = value + 1 WHERE name='revision'")
