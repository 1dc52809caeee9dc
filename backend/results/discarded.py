"""What the trash holds: listed, kept within its limits, deleted for good."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from backend.results import trash
from backend.results.rows import Result, result_of
from backend.settings import Settings
from backend.sqlite_file import CountedFile

DAY_SECONDS = 86_400.0
MB = 1024 * 1024


@dataclass(frozen=True)
class Discarded:
    """A deleted result, when that was (seconds since 1970), and the bytes that it takes."""

    result: Result
    deleted: float
    size: int


class Discards:
    """The deleted results of one outputs folder. `undo` of the library brings one back."""

    def __init__(self, root: Path, database: CountedFile, settings: Settings) -> None:
        self._root, self._database = root, database
        self._seconds = settings.trash_days * DAY_SECONDS
        self._bytes = settings.trash_mb * MB

    def entries(self) -> list[Discarded]:
        """What can be brought back, the latest deletion first."""
        rows = self._database.rows(
            "SELECT * FROM results WHERE deleted IS NOT NULL ORDER BY deleted DESC, seq DESC"
        )
        found = []
        for row in rows:
            size = trash.size(self._root, row["id"])
            if trash.holds(self._root, row["path"], row["id"]):
                found.append(Discarded(result_of(row), row["deleted"], size))
        return found

    def poster(self, result_id: str) -> Path | None:
        """The picture that lies beside a deleted video."""
        rows = self._database.rows(
            "SELECT path FROM results WHERE id = ? AND deleted IS NOT NULL", result_id
        )
        return trash.poster(self._root, rows[0]["path"], result_id) if rows else None

    def remove(self, result_id: str) -> bool:
        """Drop one for good. False if it is not in the trash."""
        rows = self._database.rows(
            "SELECT 1 FROM results WHERE id = ? AND deleted IS NOT NULL", result_id
        )
        if rows:
            self._drop([result_id])
        return bool(rows)

    def empty(self) -> int:
        """Drop everything for good; how many results that were."""
        entries = self.entries()
        self._drop([entry.result.id for entry in entries])
        trash.remove_strays(self._root, self._known())
        return len(entries)

    def expire(self) -> None:
        """Drop what was deleted too long ago, or is over the size that is kept, counted from the
        newest. The newest deletion stays whatever its size, so that it can be undone."""
        entries = self.entries()
        oldest = time.time() - self._seconds if self._seconds else 0.0
        old = self._database.rows("SELECT id FROM results WHERE deleted < ?", oldest)
        total, gone = 0, [row["id"] for row in old]  # one without files too
        for index, entry in enumerate(entries):
            total += entry.size
            if self._bytes and index > 0 and total > self._bytes:
                gone.append(entry.result.id)
        self._drop(gone)
        trash.remove_strays(self._root, self._known(), before=oldest)

    def _drop(self, ids: list[str]) -> None:
        """The files first: a row without files is dropped the next time."""
        if not ids:
            return
        for result_id in ids:
            trash.remove(self._root, result_id)
        with self._database.writing() as connection:
            connection.executemany(
                "DELETE FROM results WHERE id = ? AND deleted IS NOT NULL",
                [(result_id,) for result_id in ids],
            )

    def _known(self) -> set[str]:
        rows = self._database.rows("SELECT id FROM results WHERE deleted IS NOT NULL")
        return {row["id"] for row in rows}
