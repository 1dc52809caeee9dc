"""The log: what happened, with the id of the job that it happened to.

One file per kind of process in `data_dir/logs`, shared by all of that kind and begun anew when
it is full. Lines are words, or JSON objects if the settings say so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal, TextIO

from filelock import FileLock, Timeout

from wan_lora_studio import filesystem
from wan_lora_studio.redaction import redacted
from wan_lora_studio.settings import Settings
from wan_lora_studio.units import MB

Process = Literal["app", "worker"]
OLDER_FILES = 3
LOCK_SECONDS = 1.0
OURS = ("wan_lora_studio", "lora_ui", "utils", "app")
# Once imported, these print on their own and pass nothing on to the root logger.
TO_THEMSELVES = ("diffusers", "transformers", "huggingface_hub")

_job: ContextVar[str] = ContextVar("job", default="")


@contextmanager
def logged_job(job_id: str) -> Iterator[None]:
    """Everything that is logged inside carries this job's id."""
    token = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(token)


def log_file(settings: Settings, process: Process) -> Path:
    return settings.data_dir / "logs" / f"{process}.log"


def start_logging(settings: Settings, process: Process, console: str = "warning") -> None:
    """Send this process's log to its file, and to the console from the level `console` on.

    Calling it again replaces what the last call set up. A folder that cannot be written to
    leaves the console alone.
    """
    root = logging.getLogger()
    stop_logging()
    shown: logging.Handler = Console()
    shown.setLevel(console.upper())
    handlers: list[logging.Handler] = [shown]
    if settings.log_file_mb:
        path = log_file(settings, process)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(SharedFile(path, int(settings.log_file_mb * MB)))
        except OSError as error:
            logging.getLogger(__name__).warning("there is no log file: %s", error)
    for handler in handlers:
        handler.setFormatter(JsonLines(process) if settings.log_format == "json" else Lines())
        handler.addFilter(_with_job)
        root.addHandler(handler)
    for name in TO_THEMSELVES:
        library = logging.getLogger(name)
        library.propagate = False
        for handler in handlers:
            # Their own handler prints already, where they have one.
            if not (isinstance(handler, Console) and library.handlers):
                library.addHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(min(logging.INFO, shown.level))
    # It would log the taking of the lock under which a line is written.
    logging.getLogger("filelock").setLevel(logging.WARNING)


def stop_logging() -> None:
    """Take away what `start_logging` set up."""
    for name in ("", *TO_THEMSELVES):
        place = logging.getLogger(name)
        for old in [h for h in place.handlers if isinstance(h, Console | SharedFile)]:
            place.removeHandler(old)
            old.close()


def _with_job(record: logging.LogRecord) -> bool:
    record.job = _job.get()
    return True


class Console(logging.StreamHandler[TextIO]):
    """The terminal."""


class SharedFile(RotatingFileHandler):
    """A log file that several processes append to; a lock keeps their turns and lines apart."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(
            path, maxBytes=max_bytes, backupCount=OLDER_FILES, encoding="utf-8", delay=True
        )
        self._path = path
        self._turns = FileLock(path.with_name(path.name + ".lock"), timeout=LOCK_SECONDS)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with self._turns:
                self._follow()
                super().emit(record)
                if not filesystem.MOVES_OPEN_FILES and self.stream is not None:
                    self.stream.close()  # else no process could begin a new file
                    self.stream = None
        except Timeout:  # whoever holds it was stopped; a line out of turn is better than none
            super().emit(record)
        except OSError:
            self.handleError(record)

    def doRollover(self) -> None:  # noqa: N802 (logging's name)
        """Windows renames no file that another program has open: the log then grows on."""
        with suppress(PermissionError):
            super().doRollover()

    def _follow(self) -> None:
        """Open the new file if another process began one."""
        if self.stream is None:
            return
        try:
            same = self._path.stat().st_ino == self._inode
        except OSError:
            same = False
        if not same:
            self.stream.close()
            self.stream = None  # emit opens it

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        self._inode = self._path.stat().st_ino
        return stream


class Lines(logging.Formatter):
    """`time level job logger: message`, for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s%(place)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        job = getattr(record, "job", "")
        record.place = f" [{job}]" if job else ""
        return redacted(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object per line, for machines. `time` is UTC."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": self._process,
            "pid": record.process,
            "logger": record.name,
            "job": getattr(record, "job", ""),
            "message": redacted(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)
