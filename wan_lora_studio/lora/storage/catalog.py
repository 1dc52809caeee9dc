"""Catalogue: the library's memory between runs, in SQLite at `<loras_dir>/.catalog.sqlite`.

Keeps cached inspections and hashes (valid for one path, size and mtime_ns), usage, roles that
were set by hand, and the revision. Any thread and any process may use it. Paths are relative to
the library, with forward slashes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from wan_lora_studio.errors import LoRAError, StorageError
from wan_lora_studio.lora.files import Hashes
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage.edits import Edits, read_edits
from wan_lora_studio.lora.storage.file_rows import FILE_COLUMNS, FileRow, insert_files, some_rows
from wan_lora_studio.lora.storage.missing_folder import folder_gone
from wan_lora_studio.lora.storage.pairings import (
    HandPairs,
    drop_pairings,
    move_pairings,
    read_pairings,
)
from wan_lora_studio.lora.storage.schema import CATALOG
from wan_lora_studio.sqlite_file import SQLiteFile, read_into
from wan_lora_studio.storage_faults import Fault, fault_of, stored_value
from wan_lora_studio.texts import say

T = TypeVar("T")

NAME = ".catalog.sqlite"
BUSY_SECONDS = 30.0
KEPT_CONTEXT = ("reason", "status")
MOVED_TABLES = ("files", "usage", "roles", "edits", "made")


@dataclass(frozen=True)
class Usage:
    """How often, when (ISO 8601, UTC) and how strongly a LoRA was used."""

    use_count: int
    last_used: str
    last_strength: Any


def _read_files(db: sqlite3.Connection) -> dict[str, FileRow]:
    rows = db.execute(f"SELECT {FILE_COLUMNS} FROM files")
    return {row[0]: FileRow(*row) for row in rows}


def _read_usage(db: sqlite3.Connection, paths: Collection[str] | None = None) -> dict[str, Usage]:
    columns = "path, use_count, last_used, last_strength"
    rows = some_rows(db, columns, "usage", "path", paths)
    return {
        path: Usage(count, used, stored_value(text, object)) for path, count, used, text in rows
    }


class Catalog:
    """The catalogue of one library. Construction creates the file if it is not there.

    Where it cannot be used, because its folder cannot be written or a newer version of the studio
    wrote it, a copy in memory stands in: what is known is listed, `fault` says why.
    """

    def __init__(self, folder: Path) -> None:
        """A damaged file is set aside, and a new one made."""
        self.path = folder / NAME
        with _as_lora_errors():
            self._file = SQLiteFile(
                self.path,
                CATALOG,
                busy_seconds=BUSY_SECONDS,
                folder_gone=folder_gone,
                is_optional=True,
            )

    @property
    def fault(self) -> Fault | None:
        """Why a copy stands in for the file; None while the file is in use."""
        return self._file.fault

    @property
    def mended(self) -> int:
        """How often the file was damaged and has been set aside."""
        return self._file.mended

    @property
    def remade(self) -> int:
        """How often the file was gone and has been made again."""
        return self._file.remade

    def go_on_without(self, error: LoRAError) -> bool:
        """Let a copy stand in for a file that cannot be written, so that reading goes on; one
        that was damaged has been made anew already.

        False if the error is about something else, or a copy is in use already.
        """
        cause = error.__cause__
        if self.fault is not None or not isinstance(cause, sqlite3.Error | OSError):
            return False
        fault = fault_of(cause, self.path)
        if fault is None:
            return False
        if fault.kind == "damaged":
            return True
        if not self.path.parent.is_dir():
            return False
        self._file.stand_in(cause)
        return True

    def require_own(self) -> None:
        """Go back from the copy to the library's own file, for a change that has to stay.

        Raises LoRAError if that cannot be written yet.
        """
        with _as_lora_errors():
            self._file.require_own()

    def read_own(self, query: str) -> list[tuple[object, ...]]:
        """What the library's own file answers, also where it can only be read. Raises
        sqlite3.Error or OSError."""
        with closing(sqlite3.connect(":memory:")) as connection:
            read_into(connection, self.path)
            return connection.execute(query).fetchall()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """For a change that reaches into several tables: all of it or nothing.

        One that is not `durable` is as safe against a crash of the program, but a power cut may
        take it back. A block that only asks waits for nobody.
        """
        with _as_lora_errors(), self._file.amending(durable=durable) as db:
            yield db

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """What a query finds; in the new file, where it finds the old one damaged."""
        with _as_lora_errors():
            return self._file.answer(query)

    def revision(self) -> int:
        """Grows with every change by any instance; 0 when the catalogue cannot be reached."""
        try:
            rows = self._file.rows("SELECT value FROM counters WHERE name='revision'")
        except (StorageError, LoRAError, sqlite3.Error):
            return 0
        value = rows[0]["value"] if rows else 0
        return value if isinstance(value, int) else 0

    def bump(self, least: int = 0) -> None:
        """Say that something a page shows has changed; the revision becomes at least `least`."""
        with self.transaction() as db:
            db.execute(
                "UPDATE counters SET value = max(value + 1, ?) WHERE name='revision'", (least,)
            )

    def files(self) -> dict[str, FileRow]:
        return self._read(_read_files)

    def save_hash(
        self, path: str, size: int, mtime_ns: int, sha256: str, data: str | None = None
    ) -> None:
        """Keep the hash of a file if its row is still of the same size and time; `data` is that
        of its tensor data alone."""
        with self.transaction(durable=False) as db:
            if data:
                save_data_hash(db, Hashes(sha256, data))
            db.execute(
                "UPDATE files SET sha256=? WHERE path=? AND size=? AND mtime_ns=?",
                (sha256, path, size, mtime_ns),
            )

    def data_hashes(self, sha256s: Collection[str] | None = None) -> dict[str, str]:
        """The hash of the tensor data alone, by that of the whole file: of all, or of these."""
        if sha256s is not None and not sha256s:
            return {}
        return self._read(
            lambda db: dict(some_rows(db, "sha256, data", "data_hashes", "sha256", sha256s))
        )

    def usage(self, paths: Collection[str] | None = None) -> dict[str, Usage]:
        """By path: of all files, or of these."""
        return self._read(partial(_read_usage, paths=paths))

    def record_use(self, strengths: Mapping[str, Any], when: str, video: str | None = None) -> None:
        """Count one use of each path at its strength (JSON-ready).

        `video` is what was made; a path keeps the first one in which it was used alone, or else
        the first one at all.
        """
        rows = [(path, when, json.dumps(strength)) for path, strength in strengths.items()]
        with suppress(LoRAError):  # a copy counts it at least while it is in use
            self.require_own()
        with self.transaction() as db:
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

    def made(self, paths: Collection[str] | None = None) -> dict[str, str]:
        """A finished video in which each file was used, by path: of all, or of these."""
        return self._read(lambda db: dict(some_rows(db, "path, video", "made", "path", paths)))

    def roles(self) -> dict[str, Role]:
        return self._read(lambda db: dict(db.execute("SELECT path, role FROM roles")))

    def set_role(self, path: str, role: Role | None) -> None:
        """Overrule a file's role; None goes back to the evidence."""
        with self.transaction() as db:
            save_role(db, path, role)
            bump_revision(db)

    def edits(self, paths: Collection[str] | None = None) -> dict[str, Edits]:
        """What the user said about each file, by path: about all, or about these."""
        return self._read(partial(read_edits, paths=paths))

    def pairings(self) -> HandPairs:
        """The pairs that the user made or split."""
        return self._read(read_pairings)

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
        with self.transaction() as db:
            for table in MOVED_TABLES:
                db.execute(f"DELETE FROM {table} WHERE substr(path, 1, ?)=?", (len(prefix), prefix))
            db.execute(
                "DELETE FROM pairings WHERE substr(high, 1, ?1)=?2 OR substr(low, 1, ?1)=?2",
                (len(prefix), prefix),
            )


@contextmanager
def _as_lora_errors() -> Iterator[None]:
    """What goes wrong with the file, as the library says it."""
    try:
        yield
    except StorageError as error:
        raise LoRAError(
            error.message,
            cause=error.cause,
            suggestions=error.suggestions,
            context={key: value for key, value in error.context.items() if key in KEPT_CONTEXT},
        ) from error.__cause__
    except sqlite3.Error as error:
        raise LoRAError(say("lora.storage.catalogue.unusable", problem=error)) from error


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
