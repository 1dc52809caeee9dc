"""Changes that are whole after a kill at any instruction.

A change is a list of moves and rows of the catalogue. Its intent is written to the catalogue
(SQLite, WAL, synchronous=FULL) before the first file moves, and removed in the transaction that
changes the rows: that commit is the moment at which the change has happened. An intent that is
found later belongs to a change that was cut off, and is taken back by whoever next holds the
library's lock. New content is always a finished, synced file in `.staging/` that is moved into
place, so there is nothing else to take back.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.storage.moves import (
    Move,
    is_other_case,
    make_folders,
    missing_folders,
    move_all,
    refuse_linked,
    remove_empty,
    sync_folders,
    undo_one,
)
from wan_lora_studio.lora.storage.staging_area import discard_stages
from wan_lora_studio.texts import say


@dataclass(frozen=True)
class Intent:
    """An unfinished change: its moves in order, and the folders it makes, outermost first."""

    id: int
    moves: tuple[Move, ...]
    folders: tuple[Path, ...]


class Journal:
    """The unfinished changes of one library. Every method needs the library's lock."""

    def __init__(self, root: Path, catalog: Catalog, extra: Sequence[Path] = ()) -> None:
        """`extra` are folders outside the library in which folders may be made."""
        self._root = root
        self._extra = tuple(extra)
        self._catalog = catalog

    def carry_out(self, moves: Sequence[Move], then: Callable[[sqlite3.Connection], None]) -> None:
        """Move every file in order, and let `then` change the catalogue: all of it or nothing.

        Folders of targets are made. A move may begin or end at a step (`stages.step_path`); no
        step is left lying about. Raises FileExistsError if a target is taken, OSError for other
        faults, and whatever `then` raises; everything is then as it was.
        """
        try:
            self._carry_out(moves, then)
        except BaseException:
            discard_stages(move.source for move in moves)
            raise
        discard_stages(move.target for move in moves)

    def _carry_out(self, moves: Sequence[Move], then: Callable[[sqlite3.Connection], None]) -> None:
        intent = self._write(moves)
        try:
            make_folders(intent.folders)
            move_all(moves)
            _sync(moves)
            with self._catalog.transaction() as db:
                then(db)
                db.execute("DELETE FROM intents WHERE id=?", (intent.id,))
        except BaseException:
            # Should taking back fail too, the intent stays for the next holder of the lock.
            with contextlib.suppress(OSError, LoRAError):
                self.recover()
            raise

    def recover(self) -> bool:
        """Take back every change that was cut off. True if there was one.

        Raises LoRAError if a file cannot be moved back, or the catalogue is out of reach; the
        intent then stays.
        """
        fault = self._catalog.fault
        if fault is not None:  # what is read is a copy; the file keeps its intents
            if self.none_on_disk():
                return False
            raise LoRAError(
                say("lora.storage.journal.not_yet", problem=fault.cause),
                suggestions=[fault.suggestion],
            )
        intents = self._unfinished()
        for intent in reversed(intents):
            try:
                self._take_back(intent)
            except OSError as error:
                raise LoRAError(
                    say("lora.storage.journal.not_undone", problem=error),
                    suggestions=[say("lora.storage.journal.check_folder")],
                    context={"moves": [str(move.target) for move in intent.moves]},
                ) from error
        return bool(intents)

    def none_on_disk(self) -> bool:
        """Whether nothing is left to be taken back, also where a copy of the file is in use."""
        try:
            return not self._catalog.read_own("SELECT 1 FROM intents LIMIT 1")
        except (sqlite3.Error, OSError):
            return False

    def _write(self, moves: Sequence[Move]) -> Intent:
        _refuse_taken(moves)
        folders: dict[Path, None] = {}
        for root in (self._root, *self._extra):
            for parent in dict.fromkeys(move.target.parent for move in moves):
                folders |= dict.fromkeys(missing_folders(parent, root))
            for parent in dict.fromkeys(move.source.parent for move in moves):
                refuse_linked(parent, root)
        with self._catalog.transaction() as db:
            cursor = db.execute(
                "INSERT INTO intents (moves, folders) VALUES (?, ?)",
                (
                    json.dumps([[self._plain(m.source), self._plain(m.target)] for m in moves]),
                    json.dumps([self._plain(folder) for folder in folders]),
                ),
            )
        assert cursor.lastrowid is not None
        return Intent(cursor.lastrowid, tuple(moves), tuple(folders))

    def _unfinished(self) -> list[Intent]:
        with self._catalog.transaction() as db:
            rows = db.execute("SELECT id, moves, folders FROM intents ORDER BY id").fetchall()
        return [
            Intent(
                number,
                tuple(Move(self._root / a, self._root / b) for a, b in json.loads(moves)),
                tuple(self._root / folder for folder in json.loads(folders)),
            )
            for number, moves, folders in rows
        ]

    def _take_back(self, intent: Intent) -> None:
        for index, move in reversed(list(enumerate(intent.moves))):
            if _may_have_begun(move, intent.moves[:index]):
                undo_one(move)
        _sync(intent.moves)
        remove_empty(list(intent.folders))
        with self._catalog.transaction() as db:
            db.execute("DELETE FROM intents WHERE id=?", (intent.id,))

    def _plain(self, path: Path) -> str:
        """Relative to the library; absolute for a file in an extra folder."""
        inside = path.is_relative_to(self._root)
        return (path.relative_to(self._root) if inside else path).as_posix()


def _may_have_begun(move: Move, earlier: Sequence[Move]) -> bool:
    """False if the move's place is one that an earlier move frees, and has not freed: what is
    there now is then what was there before, even if it looks like what was to come."""
    freeing = next((other for other in earlier if other.source == move.target), None)
    return freeing is None or os.path.lexists(freeing.target)


def _refuse_taken(moves: Sequence[Move]) -> None:
    """Raise FileExistsError for a target that is taken and that no earlier move frees."""
    freed: set[Path] = set()
    filled: set[Path] = set()
    for move in moves:
        there = os.path.lexists(move.target) and not is_other_case(move.source, move.target)
        if move.target in filled or (there and move.target not in freed):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(move.target))
        freed.add(move.source)
        filled.add(move.target)


def _sync(moves: Sequence[Move]) -> None:
    folders = {path.parent for move in moves for path in (move.source, move.target)}
    sync_folders([folder for folder in folders if folder.is_dir()])
