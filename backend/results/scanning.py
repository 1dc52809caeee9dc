"""Bringing the index up to date with the folder: only what is new or changed is read."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import GenerationError
from backend.results import trash
from backend.results.folder import FoundVideo, Look, changed, facts_in, look
from backend.results.rows import add_row
from backend.sqlite_file import CountedFile

if TYPE_CHECKING:
    from backend.results.facts import VideoFacts

FULL_SECONDS = 20.0
SETTLED_NS = 2_000_000_000
BATCH = 200
DROP = "DELETE FROM results WHERE path = ? AND deleted IS NULL"
DELETION_SECONDS = 30.0  # a deletion that has not moved its files by then was cut off


class Scanner:
    """Looks at the folder when it was changed, or when the last full look was long ago.

    A video that is not whole yet changes without its folder's knowing; while there is one, every
    look is a full one. What cannot be read is left out of the index until it changes.
    """

    def __init__(self, root: Path, database: CountedFile) -> None:
        self._root, self._database = root, database
        self._lock = threading.Lock()
        self._last: Look | None = None
        self._looked_at = 0.0
        self._unreadable: dict[str, FoundVideo] = {}
        self.problem: str | None = None

    def refresh(self, *, full: bool = False) -> None:
        with self._lock:
            if full or self._due():
                self._look()

    def _due(self) -> bool:
        if self.problem or self._last is None or time.monotonic() - self._looked_at > FULL_SECONDS:
            return True
        if not self._last.folders:
            return True  # there was no folder yet whose time of change could tell
        newest = max([*self._last.folders.values(), *self._unreadable_times()], default=0)
        # A change in the same tick of the file system's clock leaves the time as it is.
        recent = time.time_ns() - newest < SETTLED_NS
        return recent or changed(self._root, self._last.folders)

    def _unreadable_times(self) -> list[int]:
        return [video.mtime_ns for video in self._unreadable.values()]

    def _look(self) -> None:
        try:
            found = look(self._root)
        except FileNotFoundError:
            if self._database.rows("SELECT 1 FROM results LIMIT 1"):
                self.problem = "The outputs folder is not there."
                return  # a disk that is not mounted takes nothing out of the index
            found = Look({}, {})  # made with the first video
        except OSError as error:
            self.problem = f"The outputs folder cannot be read: {error.strerror}."
            return
        self.problem = None
        self._bring_up_to_date(found.videos)
        self._last, self._looked_at = found, time.monotonic()

    def _bring_up_to_date(self, videos: dict[str, FoundVideo]) -> None:
        rows = self._database.rows("SELECT id, path, size, mtime_ns, deleted FROM results")
        known = {row["path"]: row for row in rows if row["deleted"] is None}
        same = {p for p, video in videos.items() if p in known and _is_as_in(known[p], video)}
        cut_off = self._cut_off([row for row in rows if row["path"] not in known], videos)
        same |= set(cut_off.values())
        self._unreadable = {p: v for p, v in self._unreadable.items() if videos.get(p) == v}
        new = [v for p, v in videos.items() if p not in same and p not in self._unreadable]
        new.sort(key=lambda video: (video.mtime_ns, video.path))
        gone = [path for path in known if path not in videos]
        # With the first of the new, so that one which was moved is never missed, and keeps its id.
        for start in range(0, len(new) or bool(gone), BATCH):
            self._add(new[start : start + BATCH], gone if start == 0 else [])

    def _cut_off(self, deleted: list[sqlite3.Row], videos: dict[str, FoundVideo]) -> dict[str, str]:
        """Deletions that have moved no file yet: the paths by id. They are left alone for a
        while, and taken back then."""
        found = {
            row["id"]: row["path"]
            for row in deleted
            if row["path"] in videos
            and _is_as_in(row, videos[row["path"]])
            and not trash.holds(self._root, row["path"], row["id"])
        }
        before = time.time() - DELETION_SECONDS
        back = [row["id"] for row in deleted if row["id"] in found and row["deleted"] < before]
        if back:
            with self._database.writing() as connection:
                connection.executemany(
                    "UPDATE OR IGNORE results SET deleted = NULL WHERE id = ?",
                    [(result_id,) for result_id in back],
                )
        return found

    def _add(self, videos: list[FoundVideo], gone: list[str]) -> None:
        read: list[tuple[FoundVideo, VideoFacts]] = []
        for video in videos:
            try:
                read.append((video, facts_in(self._root / video.path)))
            except GenerationError:
                self._unreadable[video.path] = video
        with self._database.writing() as connection:
            connection.executemany(DROP, [(path,) for path in gone])
            connection.executemany(DROP, [(video.path,) for video in videos])
            for video, facts in read:
                add_row(connection, video, facts)


def _is_as_in(row: sqlite3.Row, video: FoundVideo) -> bool:
    return (row["size"], row["mtime_ns"]) == (video.size, video.mtime_ns)
