"""Library of finished videos: find, look into, mark, delete and bring back."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.media import is_media
from wan_lora_studio.results import trash
from wan_lora_studio.results.database import RESULTS
from wan_lora_studio.results.facts import VideoFacts
from wan_lora_studio.results.folder import below, facts_in
from wan_lora_studio.results.frames import VideoPictures
from wan_lora_studio.results.query import ResultQuery, find_rows
from wan_lora_studio.results.rows import Result, mark_favourite, result_of
from wan_lora_studio.results.scanning import Scanner
from wan_lora_studio.results.stray_files import DROP, Astray
from wan_lora_studio.results.trash import Moves
from wan_lora_studio.results.trash_listing import Discards
from wan_lora_studio.settings import Settings
from wan_lora_studio.sqlite_file import CountedFile
from wan_lora_studio.texts import say

BUSY_SECONDS = 2.0  # that a list waits for a program which holds the index


@dataclass(frozen=True)
class ResultPage:
    """`next` is the cursor of the following page; `total` counts all that match."""

    results: list[Result]
    next: str | None
    total: int


class ResultLibrary:
    """Every whole MP4 with settings below `settings.outputs_dir`, however it got there.

    The files are what counts; the index in `data_dir` follows them at every question. Methods may
    be called from any thread, and several instances may share the folders.
    """

    def __init__(self, settings: Settings) -> None:
        self.root = settings.outputs_dir
        self._pictures = VideoPictures(settings.data_dir / "posters")
        self._database = CountedFile(
            settings.data_dir / "results.sqlite", RESULTS, busy_seconds=BUSY_SECONDS
        )
        self._moves = Moves(self.root)
        astray = Astray(self.root, self._database, self._moves)
        self.trash = Discards(self.root, self._database, settings, self._moves, astray)
        # A video that belongs to a LoRA is no result: deleting it would take its files along.
        library = below(self.root, settings.loras_dir)
        self._scanner = Scanner(self.root, self._database, astray, library)
        self._expired = False

    def close(self) -> None:
        self._database.close()

    def refresh(self) -> None:
        """Look at the folder as a whole, whatever is known of it."""
        self._scanner.refresh(full=True)

    def revision(self) -> int:
        """Another number whenever the results or their marks changed.

        Raises GenerationError if the folder cannot be read.
        """
        self._scanner.refresh()
        self._require_folder()
        return self._database.revision()

    def find(self, query: ResultQuery, cursor: str = "", limit: int = 48) -> ResultPage:
        """One page, the newest first. Raises GenerationError if the folder cannot be read."""
        self._scanner.refresh()
        self._require_folder()
        self._expire_once()
        page = find_rows(self._database, query, cursor, limit)
        return ResultPage([result_of(row) for row in page.rows], page.next, page.total)

    def get(self, result_id: str) -> Result:
        """Raises GenerationError (404) if there is no result with this id."""
        for full in (False, True):
            row = self._database.rows(
                "SELECT * FROM results WHERE deleted IS NULL AND (id = ? OR task_id = ?)"
                " ORDER BY id = ? DESC LIMIT 1",
                result_id,
                result_id,
                result_id,
            )
            if row and self.video(result_of(row[0])).is_file():
                return result_of(row[0])
            self._scanner.refresh(full=full)
        self._require_folder()
        raise _not_found()

    def video(self, result: Result) -> Path:
        return self.root / result.path

    def poster(self, result: Result) -> Path:
        """The picture beside the video, or one made from its middle frame.

        Raises GenerationError if the video cannot be decoded.
        """
        beside = self.video(result).with_suffix(".jpg")
        if is_media(beside, "image/jpeg"):
            return beside
        return self._pictures.poster(self.video(result), f"{result.id}-{result.version}")

    def last_frame(self, result: Result) -> Image.Image:
        """The video's last frame in RGB. Raises GenerationError if it cannot be decoded."""
        return self._pictures.last_frame(self.video(result))

    def facts(self, result: Result) -> VideoFacts:
        """What the video says of itself. Raises GenerationError if it is not there any more."""
        return facts_in(self.video(result))

    def names(self) -> dict[str, list[str]]:
        """The `models` and `loras` that the results were made with, the most used first."""
        of = (
            "SELECT model_type AS name FROM results WHERE deleted IS NULL",
            "SELECT name FROM used_loras JOIN results USING (seq) WHERE deleted IS NULL",
        )
        models, loras = (
            self._database.rows(
                f"SELECT name FROM ({query}) WHERE name != '' GROUP BY name"
                " ORDER BY COUNT(*) DESC, name"
            )
            for query in of
        )
        return {"models": [r["name"] for r in models], "loras": [r["name"] for r in loras]}

    def pictures(self) -> set[str]:
        """The hashes of the input pictures that results were made from, also in the trash."""
        self._scanner.refresh()
        rows = self._database.rows("SELECT DISTINCT picture FROM results WHERE picture IS NOT NULL")
        return {row["picture"] for row in rows}

    def set_favourite(self, result_id: str, favourite: bool) -> Result:
        """Mark it, and copies of it; for good, whether its file can be seen or not."""
        result = self.get(result_id)
        with self._database.writing() as connection:
            mark_favourite(connection, result.id, favourite)
        return self.get(result.id)

    def delete(self, result_id: str) -> str:
        """Put a result into the trash, from where `undo` brings it back; gives its own id.

        Its video's renaming is the deletion; the index is told afterwards, and a look at the
        folder tells it as well. Raises GenerationError (404) if another deletion was first.
        """
        result = self.get(result_id)
        with self._moves.turn():
            if not self._is_still(result):
                raise _not_found()
            trash.put_away(self.root, result.path, result.id)
            self._mark(result.id, time.time())
        with contextlib.suppress(GenerationError):  # the next deletion tries again
            self.trash.expire()
        return result.id

    def undo(self, result_id: str) -> Result:
        """Bring a deleted result back. Raises GenerationError (404) if the trash has none."""
        if not self._deleted(result_id):
            self._scanner.refresh(full=True)  # perhaps it is not in the index yet
        with self._moves.turn():
            rows, stored = self._deleted(result_id), trash.stored(self.root, result_id)
            if stored is None or not rows:
                raise _not_in_trash()
            path = trash.bring_back(self.root, stored)

            def write(connection: sqlite3.Connection) -> None:
                connection.execute(f"{DROP} AND id != ?", (path, result_id))
                connection.execute(
                    "UPDATE results SET deleted = NULL, path = ? WHERE id = ?", (path, result_id)
                )
                if rows[0]["favourite"]:
                    mark_favourite(connection, result_id, True)  # under another path perhaps

            self._database.change(write)
        return self.get(result_id)

    def _is_still(self, result: Result) -> bool:
        """Whether it is where it was; asked with the turn to move, while nobody looks at the
        folder: a look takes the turn itself."""
        query = "SELECT 1 FROM results WHERE id = ? AND path = ? AND deleted IS NULL"
        found = self._database.rows(query, result.id, result.path)
        return bool(found) and self.video(result).is_file()

    def _deleted(self, result_id: str) -> list[sqlite3.Row]:
        query = "SELECT favourite FROM results WHERE id = ? AND deleted IS NOT NULL"
        return self._database.rows(query, result_id)

    def _require_folder(self) -> None:
        if self._scanner.problem:
            suggestions = [say("results.check_folder")]
            if not self.root.exists():
                suggestions.append(say("results.made_again"))
            raise GenerationError(self._scanner.problem, suggestions=suggestions)

    def _mark(self, result_id: str, deleted: float | None) -> None:
        self._database.change(
            lambda connection: connection.execute(
                "UPDATE OR IGNORE results SET deleted = ? WHERE id = ?", (deleted, result_id)
            )
        )

    def _expire_once(self) -> None:
        """Once in a program's life, and after each deletion."""
        if not self._expired:
            self._expired = True
            with contextlib.suppress(GenerationError):  # a list needs nothing to be moved
                self.trash.expire()


def _not_found() -> GenerationError:
    return GenerationError(
        say("results.not_found"),
        suggestions=[say("results.reload")],
        context={"status": 404},
    )


def _not_in_trash() -> GenerationError:
    return GenerationError(
        say("results.trash.not_found"),
        suggestions=[say("results.trash.open")],
        context={"status": 404},
    )
