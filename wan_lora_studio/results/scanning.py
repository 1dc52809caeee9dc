"""Scanning: the index is brought up to date with the folder; only what changed is read."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_lora_studio.errors import GenerationError, StudioError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.results.folder import FoundVideo, Look, changed, facts_in, look
from wan_lora_studio.results.rows import add_row, row_values
from wan_lora_studio.results.stray_files import DROP, Astray
from wan_lora_studio.sqlite_file import CountedFile
from wan_lora_studio.texts import say

if TYPE_CHECKING:
    from wan_lora_studio.results.facts import VideoFacts

FULL_SECONDS = 20.0
SETTLED_NS = 2_000_000_000
BATCH = 200


class Scanner:
    """Looks at the folder when it was changed, or when the last full look was long ago.

    A video that is not whole yet changes without its folder's knowing; while there is one, every
    look is a full one. What cannot be read is left out of the index until it changes.
    """

    def __init__(self, root: Path, database: CountedFile, astray: Astray, without: str) -> None:
        """`without` is a folder that is not looked into, "" for none."""
        self._without = without
        self._root, self._database, self._astray = root, database, astray
        self._lock = threading.Lock()
        self._last: Look | None = None
        self._looked_at = 0.0
        self._generation = 0
        self._unreadable: dict[str, FoundVideo] = {}
        self.problem: str | None = None

    def refresh(self, *, full: bool = False) -> None:
        with self._lock:
            if full or self._due():
                self._look()

    def _due(self) -> bool:
        if self._generation != self._database.generation:
            return True  # another file than at the last look, or a copy of it
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
            found = look(self._root, self._without)
        except FileNotFoundError:
            if self._database.rows("SELECT 1 FROM results LIMIT 1"):
                self.problem = say("results.no_folder")
                return  # a disk that is not mounted takes nothing out of the index
            found = Look({}, {})  # made with the first video
        except OSError as error:
            self.problem = say("results.folder_unreadable", reason=error.strerror)
            return
        self.problem = None
        generation = self._database.generation
        self._bring_up_to_date(found.videos)
        self._last, self._looked_at = found, time.monotonic()
        self._generation = generation

    def _bring_up_to_date(self, videos: dict[str, FoundVideo]) -> None:
        with contextlib.suppress(GenerationError):  # where nothing can be moved, all is shown
            self._astray.settle(thorough=False)
        rows = self._database.rows("SELECT path, size, mtime_ns FROM results WHERE deleted IS NULL")
        known = {row["path"]: row for row in rows}
        same = {p for p, video in videos.items() if p in known and _is_as_in(known[p], video)}
        self._unreadable = {p: v for p, v in self._unreadable.items() if videos.get(p) == v}
        new = [v for p, v in videos.items() if p not in same and p not in self._unreadable]
        new.sort(key=lambda video: (video.mtime_ns, video.path))
        # One that was brought back since the look is there.
        gone = [p for p in known if p not in videos and not (self._root / p).is_file()]
        # With the first of the new, so that one which was moved is never missed, and keeps its id.
        for start in range(0, len(new) or bool(gone), BATCH):
            self._add(new[start : start + BATCH], gone if start == 0 else [])

    def _add(self, videos: list[FoundVideo], gone: list[str]) -> None:
        read: list[tuple[VideoFacts, dict[str, Any]]] = []
        for video in videos:
            try:
                with one_file(video.path, GenerationError):
                    facts = facts_in(self._root / video.path)
                    read.append((facts, row_values(video, facts)))
            except StudioError:
                self._unreadable[video.path] = video

        def add(connection: sqlite3.Connection) -> None:
            connection.executemany(DROP, [(path,) for path in gone])
            connection.executemany(DROP, [(video.path,) for video in videos])
            for facts, row in read:
                add_row(connection, facts, row)

        self._database.change(add)


def _is_as_in(row: sqlite3.Row, video: FoundVideo) -> bool:
    return (row["size"], row["mtime_ns"]) == (video.size, video.mtime_ns)
