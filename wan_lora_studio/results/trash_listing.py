"""Trash listing: what the trash holds, kept within its limits, deleted for good."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results import trash
from wan_lora_studio.results.rows import Result, result_of
from wan_lora_studio.results.stray_files import Astray
from wan_lora_studio.results.trash import Moves
from wan_lora_studio.settings import Settings
from wan_lora_studio.sqlite_file import CountedFile
from wan_lora_studio.units import MB

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Discarded:
    """A deleted result, when that was (seconds since 1970), and the bytes that it takes."""

    result: Result
    deleted: float
    size: int


class Discards:
    """The deleted results of one outputs folder. `undo` of the library brings one back."""

    def __init__(
        self, root: Path, database: CountedFile, settings: Settings, moves: Moves, astray: Astray
    ) -> None:
        self._root, self._database = root, database
        self._moves, self._astray = moves, astray
        self._seconds = settings.trash_days * DAY_SECONDS
        self._bytes = settings.trash_mb * MB

    def entries(self) -> list[Discarded]:
        """What can be brought back, the latest deletion first."""
        with contextlib.suppress(GenerationError):  # what is known is shown all the same
            self._astray.settle()
        return self._entries()

    def poster(self, result_id: str) -> Path | None:
        """The picture that lies beside a deleted video."""
        return trash.poster(self._root, result_id) if self._is_deleted(result_id) else None

    def remove(self, result_id: str) -> bool:
        """Drop one for good. False if it is not in the trash."""
        with self._moves.turn():
            found = self._is_deleted(result_id)
            if found:
                self._drop([result_id])
        return found

    def empty(self) -> int:
        """Drop everything for good that is listed; how many results that were."""
        if not self._database.rows("SELECT 1 FROM results WHERE deleted IS NOT NULL LIMIT 1"):
            return 0
        with self._moves.turn():
            entries = self._entries()
            self._drop([entry.result.id for entry in entries])
            trash.remove_strays(self._root, self._known())
        return len(entries)

    def expire(self) -> None:
        """Drop what was deleted too long ago, or is over the size that is kept, counted from the
        newest. The newest deletion stays whatever its size, so that it can be undone."""
        if not (self._root / trash.FOLDER).is_dir():
            return
        self._astray.settle()
        with self._moves.turn():
            entries = self._entries()
            oldest = time.time() - self._seconds if self._seconds else 0.0
            total, gone = 0, [each.result.id for each in entries if each.deleted < oldest]
            for index, entry in enumerate(entries):
                total += entry.size
                if self._bytes and index > 0 and total > self._bytes:
                    gone.append(entry.result.id)
            self._drop(gone)
            trash.remove_strays(self._root, self._known(), before=oldest)

    def _entries(self) -> list[Discarded]:
        rows = self._database.rows(
            "SELECT * FROM results WHERE deleted IS NOT NULL ORDER BY deleted DESC, seq DESC"
        )
        return [
            Discarded(result_of(row), row["deleted"], trash.size(self._root, row["id"]))
            for row in rows
            if trash.stored(self._root, row["id"]) is not None
        ]

    def _is_deleted(self, result_id: str) -> bool:
        query = "SELECT 1 FROM results WHERE id = ? AND deleted IS NOT NULL"
        return bool(self._database.rows(query, result_id))

    def _drop(self, ids: list[str]) -> None:
        """The files first: a row without files is dropped the next time."""
        if not ids:
            return
        for result_id in ids:
            trash.remove(self._root, result_id)
        self._database.change(
            lambda connection: connection.executemany(
                "DELETE FROM results WHERE id = ? AND deleted IS NOT NULL",
                [(result_id,) for result_id in ids],
            )
        )

    def _known(self) -> set[str]:
        rows = self._database.rows("SELECT id FROM results WHERE deleted IS NOT NULL")
        return {row["id"] for row in rows}
