"""Change: one change of the library under way, and which files it has touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index import LibraryIndex, Prepared
from wan_lora_studio.lora.library.lookup import CurrentLookup
from wan_lora_studio.lora.library.shared_index import SharedIndex
from wan_lora_studio.lora.storage import Catalog, Move, Trash
from wan_lora_studio.texts import say

Then = Callable[[sqlite3.Connection], None]


@dataclass
class Change:
    """Held by one thread from before its first look at the files until memory is up to date.

    `revision` is the catalogue's before the change. `paths` are the library's files that it has
    moved, replaced or annotated; `again` that roles or pairs have changed.
    """

    shared: SharedIndex
    trash: Trash
    revision: int = 0
    paths: set[str] = field(default_factory=set)
    again: bool = False

    @property
    def root(self) -> Path:
        return self.shared.root

    @property
    def index(self) -> LibraryIndex:
        return self.shared.index

    @property
    def catalog(self) -> Catalog:
        return self.shared.catalog

    def known(self, name: str) -> Prepared:
        """The LoRA, as it is known since the change began. Raises LoRANotFoundError."""
        return self.index.named(name) or self.shared.find(name)

    def changeable(self, name: str) -> Prepared:
        """The LoRA, unless it lies where nothing is changed: in an extra folder, or behind a linked
        one. Raises LoRANotFoundError or LoRAError."""
        prepared = self.known(name)
        link = self.index.link_above(prepared.entry)
        if link:
            raise LoRAError(
                say("lora.library.change.behind_link", name=name, folder=link),
                suggestions=[
                    say("lora.library.change.change_target"),
                    say("lora.library.change.make_link_writable"),
                ],
                context={"name": name, "folder": link},
            )
        if self.index.is_read_only(prepared.entry):
            raise LoRAError(
                say("lora.library.change.read_only", name=name, folder=prepared.entry.first.folder),
                suggestions=[
                    say("lora.library.change.change_or_upload"),
                    say("lora.library.change.make_writable"),
                ],
                context={"name": name, "folder": prepared.entry.first.folder},
            )
        return prepared

    def name_at(self, path: str) -> str:
        """The name of the LoRA that now has the file at `path`. Raises LoRAError."""
        return name_at(self.index, path)

    def record_at(self, path: str) -> dict[str, Any]:
        """The record of that LoRA."""
        return CurrentLookup(self.shared).record(self.name_at(path))

    def carry_out(self, moves: Sequence[Move], then: Then) -> None:
        """As the journal does: all of the moves and rows, or nothing. One revision."""
        self.shared.journal.carry_out(moves, then)
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

    def settle(self, *, everything: bool = False) -> None:
        """Look again after a change that has happened: what fails now does not undo it."""
        alone = not everything and self.catalog.revision() == self.revision
        for _ in range(2):  # a fault may have passed, and the caller wants to see the change
            with suppress(OSError, LoRAError):
                if not (alone and self.shared.look_at(self.paths, again=self.again)):
                    self.shared.look_in_turn(now=True)
                return

    def _plain(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if inside else path).as_posix()


def name_at(index: LibraryIndex, path: str) -> str:
    """The name of the LoRA that has the file at `path`. Raises LoRAError if it is not known."""
    name = index.with_file(path)
    if name is not None:
        return name
    raise LoRAError(
        say("lora.library.change.saved_unread", path=path),
        suggestions=[say("lora.library.change.check_and_refresh")],
        context={"saved": path},
    )


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
