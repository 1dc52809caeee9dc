"""Stray files: rows of the index and folders of the trash that do not agree, brought together.

A program that was killed, or an index that was lost or could not be written, leaves them so. Where
a video lies is what counts.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.results import trash
from wan_lora_studio.results.folder import FoundVideo, facts_in
from wan_lora_studio.results.rows import add_row, is_taken, row_values
from wan_lora_studio.results.trash import Moves, Stored
from wan_lora_studio.sqlite_file import CountedFile

DROP = "DELETE FROM results WHERE path = ? AND deleted IS NULL"


class Astray:
    """Finds what does not agree in one outputs folder, and settles it."""

    def __init__(self, root: Path, database: CountedFile, moves: Moves) -> None:
        self._root, self._database, self._moves = root, database, moves
        self._unreadable: set[tuple[str, float]] = set()

    def settle(self, *, thorough: bool = True) -> bool:
        """True if something was settled. One that is not `thorough` compares names alone, which
        takes no time however much the trash holds.

        Raises GenerationError if nothing can be moved now.
        """
        if (self._root / trash.FOLDER).is_symlink():
            return False  # what lies there may be anybody's
        if not thorough and self._names_agree():
            return False
        if self._found(trash.contents(self._root)) is None:
            return False
        with self._moves.turn():
            # Once more: what was found may have been the middle of another program's change.
            held = trash.contents(self._root)
            rows = self._found(held)
            if rows is None:
                return False

            def write(connection: sqlite3.Connection) -> None:
                for row in rows:
                    self._settle_row(connection, row, held.get(row["id"]))
                self._adopt(connection, trash.contents(self._root))

            self._database.change(write)
        return True

    def _names_agree(self) -> bool:
        rows = self._database.rows("SELECT id FROM results WHERE deleted IS NOT NULL")
        unreadable = {name for name, _ in self._unreadable}
        return trash.names(self._root) - unreadable == {row["id"] for row in rows}

    def _found(self, held: Mapping[str, Stored]) -> list[sqlite3.Row] | None:
        """The rows that do not agree; None if all do and the trash holds nothing without a row."""
        rows = self._database.rows("SELECT id, path, size, mtime_ns, deleted FROM results")
        deleted = {row["id"] for row in rows if row["deleted"] is not None}
        wrong = [row for row in rows if row["deleted"] is not None and row["id"] not in held]
        strange = {key: value for key, value in held.items() if key not in deleted}
        wrong += [row for row in rows if row["id"] in strange and not self._is_there(row)]
        known = {row["id"] for row in wrong}
        new = [
            each
            for key, each in strange.items()
            if key not in known and (key, each.deleted) not in self._unreadable
        ]
        return wrong if wrong or new else None

    def _settle_row(
        self, connection: sqlite3.Connection, row: sqlite3.Row, stored: Stored | None
    ) -> None:
        if stored is not None:
            connection.execute(
                "UPDATE results SET deleted = ? WHERE id = ?", (stored.deleted, row["id"])
            )
        elif self._is_as_in(row) and not _has(connection, row["path"]):
            connection.execute("UPDATE results SET deleted = NULL WHERE id = ?", (row["id"],))
        else:  # it came back under another path, or is gone for good
            connection.execute("DELETE FROM results WHERE id = ?", (row["id"],))

    def _adopt(self, connection: sqlite3.Connection, held: Mapping[str, Stored]) -> None:
        """Make rows for what the trash holds without one, so that it can be brought back."""
        rows = connection.execute("SELECT id FROM results WHERE deleted IS NOT NULL")
        known = {row["id"] for row in rows}
        for stored in [each for key, each in held.items() if key not in known]:
            if (stored.id, stored.deleted) in self._unreadable:
                continue
            try:
                self._adopt_one(connection, stored)
            except (GenerationError, OSError):
                self._unreadable.add((stored.id, stored.deleted))

    def _adopt_one(self, connection: sqlite3.Connection, stored: Stored) -> None:
        with one_file(stored.path, GenerationError):
            facts, status = facts_in(stored.video), stored.video.stat()
            video = FoundVideo(stored.path, status.st_size, status.st_mtime_ns)
            row = row_values(video, facts)
        if is_taken(connection, stored.id):  # by a result that is there
            stored = trash.give_id(self._root, stored, uuid.uuid4().hex)
        # As of now: it was in no list from which it could have been brought back.
        add_row(connection, facts, row, result_id=stored.id, deleted=time.time())

    def _is_there(self, row: sqlite3.Row) -> bool:
        return (self._root / str(row["path"])).is_file()

    def _is_as_in(self, row: sqlite3.Row) -> bool:
        with contextlib.suppress(OSError):
            status = (self._root / row["path"]).stat()
            same = (row["size"], row["mtime_ns"]) == (status.st_size, status.st_mtime_ns)
            return bool(same)
        return False


def _has(connection: sqlite3.Connection, path: str) -> bool:
    query = "SELECT 1 FROM results WHERE path = ? AND deleted IS NULL"
    return connection.execute(query, (path,)).fetchone() is not None
