"""Backups: daily copies of the app's own files that cannot be made again, and bringing one back.

A copy is made with SQLite's backup, so it is whole while the app works, once a day, and the last
few are kept in `data_dir/copies` as `<name>-<date>.sqlite`.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.damaged_files import SetAside, all_set_aside, move_away
from wan_lora_studio.errors import StorageError
from wan_lora_studio.filesystem import file_uri, replace, sync_file
from wan_lora_studio.settings import Settings
from wan_lora_studio.sqlite_file import require_sound
from wan_lora_studio.storage_faults import fault_of, storage_error
from wan_lora_studio.texts import say

logger = logging.getLogger(__name__)

FOLDER = "copies"
KEPT = 7
COPY = re.compile(r"(?P<name>[a-z]+)-(?P<day>\d{4}-\d{2}-\d{2})\.sqlite")
LOOK_SECONDS = 10.0
LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class KeptFile:
    """`name` is what the command line calls it, `called` what messages do; `lost` is what a new
    file lacks that a copy has. `when_restored` is SQL for what must not go on from the past, and
    `note` says so."""

    name: str
    path: Path
    called: str
    lost: str
    when_restored: str = ""
    note: str = ""


@dataclass(frozen=True)
class Copy:
    file: KeptFile
    path: Path
    day: date


def kept_files(settings: Settings) -> tuple[KeptFile, ...]:
    data = settings.data_dir
    return (
        KeptFile(
            "queue",
            data / "jobs.sqlite",
            say("backups.queue"),
            say("backups.queue_lost"),
            "INSERT OR REPLACE INTO marks VALUES ('paused', '0')",
            say("backups.queue_restored"),
        ),
        KeptFile(
            "results",
            data / "results.sqlite",
            say("backups.results"),
            say("backups.results_lost"),
        ),
        KeptFile("sets", data / "sets.sqlite", say("backups.sets"), say("backups.sets_lost")),
        KeptFile(
            "selections",
            data / "sessions.sqlite",
            say("backups.selections"),
            say("backups.selections_lost"),
        ),
        KeptFile(
            "library",
            settings.loras_dir / ".catalog.sqlite",
            say("backups.library"),
            say("backups.library_lost"),
            "DELETE FROM intents",  # of a change that was under way when the copy was made
        ),
    )


class Copies:
    """The copies of one installation, and what was set aside of its files."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.data_dir / FOLDER
        self._files = kept_files(settings)
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._notices: list[str] = []

    def all(self) -> list[Copy]:
        """The newest first."""
        found = []
        by_name = {file.name: file for file in self._files}
        with suppress(OSError):
            for path in self._folder.iterdir():
                named = COPY.fullmatch(path.name)
                if named is not None and named["name"] in by_name:
                    with suppress(ValueError):
                        day = date.fromisoformat(named["day"])
                        found.append(Copy(by_name[named["name"]], path, day))
        return sorted(found, key=lambda copy: (copy.day, copy.file.name), reverse=True)

    def set_aside(self) -> list[tuple[KeptFile, SetAside]]:
        """What was damaged and is kept under another name, the latest first."""
        return [(file, each) for file in self._files for each in all_set_aside([file.path])]

    def notices(self) -> list[str]:
        """What was set aside, in words, and what can be brought back; looked for now and then."""
        with self._lock:
            if time.monotonic() - self._looked_at > LOOK_SECONDS:
                self._looked_at = time.monotonic()
                copies = self.all()
                self._notices = [_notice(file, each, copies) for file, each in self.set_aside()]
            return self._notices

    def make(self) -> None:
        """Copy each file that has no copy of today. Raises StorageError for the first that cannot
        be copied, once the others are."""
        today = datetime.now().date()
        done = {(copy.file.name, copy.day) for copy in self.all()}
        failure: StorageError | None = None
        for file in self._files:
            if (file.name, today) in done or not file.path.is_file():
                continue
            try:
                self._copy(file, today)
            except (sqlite3.Error, OSError) as error:
                fault = fault_of(error, file.path)
                if fault is None:
                    raise
                failure = storage_error(
                    say("backups.copy_of", file=file.path.name), fault, self._folder / "x"
                )
        self._drop_old()
        if failure is not None:
            raise failure

    def restore(self, name: str, day: date | None = None) -> tuple[Copy, Path | None]:
        """Put the newest copy of a file, or that of a day, in the file's place. The file that was
        there is kept under a dated name, which is given, too.

        Raises StorageError if there is no such copy or nothing can be written.
        """
        copy = self._chosen(name, day)
        path = copy.file.path
        part = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock"), timeout=LOCK_SECONDS):
                _backup(copy.path, part)
                _settle(part, copy.file.when_restored)
                was = move_away(path, "replaced") if path.exists() else None
                replace(part, path)
        except (sqlite3.Error, OSError, Timeout) as error:
            fault = fault_of(error, path)
            if fault is None:
                raise
            raise storage_error(copy.file.called, fault, path) from error
        finally:
            part.unlink(missing_ok=True)
        return copy, was

    def _chosen(self, name: str, day: date | None) -> Copy:
        copies = [copy for copy in self.all() if copy.file.name == name]
        found = [copy for copy in copies if day in (None, copy.day)]
        if found:
            return found[0]
        days = ", ".join(copy.day.isoformat() for copy in copies)
        raise StorageError(
            say("backups.none_of_day", name=repr(name), day=day)
            if day and copies
            else say("backups.none", name=repr(name)),
            cause=say("backups.daily"),
            suggestions=[
                say("backups.choose", days=days) if days else say("backups.run", command=COMMAND)
            ],
            context={"name": name, "folder": str(self._folder)},
        )

    def _copy(self, file: KeptFile, day: date) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._folder / f"{file.name}-{day.isoformat()}.sqlite"
        part = target.with_suffix(".part")
        try:
            _backup(file.path, part)
            replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    def _drop_old(self) -> None:
        seen: dict[str, int] = {}
        for copy in self.all():
            seen[copy.file.name] = seen.get(copy.file.name, 0) + 1
            if seen[copy.file.name] > KEPT:
                with suppress(OSError):
                    copy.path.unlink()


def _backup(source: Path, target: Path) -> None:
    """A whole copy in one file, on disk when this returns. A damaged file is not copied."""
    target.unlink(missing_ok=True)
    uri = f"{file_uri(source.absolute())}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS)) as readable:
        require_sound(readable)
        with closing(sqlite3.connect(target)) as copy:
            readable.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    sync_file(target)


def _settle(path: Path, script: str) -> None:
    # A copy of an older version may lack the table.
    with closing(sqlite3.connect(path)) as db, db, suppress(sqlite3.OperationalError):
        db.execute(script)


def _notice(file: KeptFile, aside: SetAside, copies: Sequence[Copy]) -> str:
    found = next((copy for copy in copies if copy.file == file), None)
    sentences = (
        say(
            "backups.set_aside",
            what=file.called,
            file=aside.path.name,
            when=f"{aside.when:%d %B %Y, %H:%M}",
        ),
        say("backups.lacks", lost=file.lost),
        say("backups.offer", day=f"{found.day:%d %B %Y}", command=f"{COMMAND} restore {file.name}")
        if found
        else say("backups.no_offer"),
        say("backups.end_notice", path=aside.path),
    )
    return " ".join(sentences)
