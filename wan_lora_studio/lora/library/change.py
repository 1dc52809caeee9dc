"""Change: one change of the library under way, and which files it has touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wan_lora_studio.lora.storage import Journal, Move

Then = Callable[[sqlite3.Connection], None]


@dataclass
class Change:
    """Held by one thread from before its first look at the files until memory is up to date.

    `revision` is the catalogue's before the change. `paths` are the library's files that it has
    moved, replaced or annotated; `again` that roles or pairs have changed.
    """

    root: Path
    journal: Journal
    revision: int = 0
    paths: set[str] = field(default_factory=set)
    again: bool = False

    def carry_out(self, moves: Sequence[Move], then: Then) -> None:
        """As the journal does: all of the moves and rows, or nothing. One revision."""
        self.journal.carry_out(moves, then)
        self.touch(self._plain(path) for move in moves for path in (move.source, move.target))
        self.revision += 1

    def annotate(self, paths: Iterable[str], *, again: bool = False) -> None:
        """Note that rows of these files were changed, in one revision and without a move."""
        self.touch(paths)
        self.again = self.again or again
        self.revision += 1

    def touch(self, paths: Iterable[str]) -> None:
        """Files that are looked at again; not those in hidden folders, which no record shows."""
        self.paths |= {path for path in paths if not _is_hidden(path)}

    def _plain(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if inside else path).as_posix()


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
