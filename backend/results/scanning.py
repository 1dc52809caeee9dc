"""Bringing the index up to date with the folder: only what is new or changed is read."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import GenerationError
from backend.results.folder import FoundVideo, Look, changed, facts_in, look
from backend.results.rows import add_row
from backend.sqlite_file import CountedFile

if TYPE_CHECKING:
    from backend.results.facts import VideoFacts

FULL_SECONDS = 20.0
SETTLED_NS = 2_000_000_000
BATCH = 200
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
        if self._last is None or time.monotonic() - self._looked_at > FULL_SECONDS:
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
            found = Look({}, {})  # made with the first video
        except OSError as error:
            self.problem = f"The outputs folder cannot be read: {error.strerror}."
            return
        self.problem = None
        self._bring_up_to_date(found.videos)
        self._last, self._looked_at = found, time.monotonic()

    def _bring_up_to_date(self, videos: dict[str, FoundVideo]) -> None:
        rows = self._database.rows("SELECT path, size, mtime_ns, deleted FROM results")
        known = {row["path"]: row for row in rows}
        same = {
            path
            for path, video in videos.items()
            if path in known
            and (known[path]["size"], known[path]["mtime_ns"]) == (video.size, video.mtime_ns)
        }
        self._unreadable = {p: v for p, v in self._unreadable.items() if videos.get(p) == v}
        new = [v for p, v in videos.items() if p not in same and p not in self._unreadable]
        new.sort(key=lambda video: (video.mtime_ns, video.path))
        gone = [p for p, row in known.items() if p not in videos and row["deleted"] is None]
        cut_off = time.time() - DELETION_SECONDS
        back = [p for p in same if (known[p]["deleted"] or cut_off) < cut_off]
        if back:
            self._restore(back)
        for start in range(0, len(new), BATCH):
            self._add(new[start : start + BATCH], gone)
        if gone:
            with self._database.writing() as connection:
                for path in gone:
                    connection.execute("DELETE FROM results WHERE path = ?", (path,))

    def _restore(self, paths: list[str]) -> None:
        with self._database.writing() as connection:
            for path in paths:
                connection.execute("UPDATE results SET deleted = NULL WHERE path = ?", (path,))

    def _add(self, videos: list[FoundVideo], gone: list[str]) -> None:
        read: list[tuple[FoundVideo, VideoFacts]] = []
        for video in videos:
            try:
                read.append((video, facts_in(self._root / video.path)))
            except GenerationError:
                self._unreadable[video.path] = video
        changed_paths = [(video.path,) for video in videos]
        with self._database.writing() as connection:
            favourites = _favourites(connection, [video for video, _ in read], gone)
            connection.executemany("DELETE FROM results WHERE path = ?", changed_paths)
            for video, facts in read:
                moved = favourites.get(str(facts.task.get("id", "")))
                if moved:
                    connection.execute("DELETE FROM results WHERE path = ?", (moved,))
                add_row(connection, video, facts)
                if moved:
                    connection.execute(
                        "UPDATE results SET favourite = 1 WHERE path = ?", (video.path,)
                    )


def _favourites(
    connection: sqlite3.Connection, videos: list[FoundVideo], gone: list[str]
) -> dict[str, str]:
    """Favourites that were moved, or written anew in place: their paths by task id."""
    paths = {*gone, *(video.path for video in videos)}
    rows = connection.execute(
        "SELECT task_id, path FROM results WHERE favourite = 1 AND task_id != ''"
    )
    return {row["task_id"]: row["path"] for row in rows if row["path"] in paths}
