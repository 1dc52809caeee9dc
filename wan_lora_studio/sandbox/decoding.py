"""The decoder: pictures and videos of strangers are opened in processes that can reach nothing.

Two processes at most; each is started when it is first needed, and ends when it was idle for a
while. What goes wrong in one ends that process, not the one that asked.
"""

from __future__ import annotations

import atexit
import json
import logging
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from PIL import Image

from wan_lora_studio.sandbox.refusals import NO_DECODER, RefusedError
from wan_lora_studio.sandbox.roots import ROOT

PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from wan_lora_studio.sandbox.decoder_program import main; main()"
)
AT_ONCE = 2
SECONDS = 30.0  # for one file
START_SECONDS = 60.0
IDLE_SECONDS = 60.0
MOST_LINE = 64 * 1024
MOST_BYTES = 256 * 1024 * 1024  # of an answer
Frame = Literal["first", "middle", "last"]

_log = logging.getLogger(__name__)


class _Process:
    """One decoder. Raises RefusedError where it does not start, ends, or takes too long."""

    def __init__(self) -> None:
        # -I: neither the environment nor the current folder adds modules to it.
        command = [sys.executable, "-I", "-c", PROGRAM, str(ROOT)]
        self._socket: socket.socket | None = None
        requests: Any = subprocess.PIPE
        if sys.platform != "win32":
            self._socket, requests = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                command, stdin=requests, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise RefusedError(NO_DECODER, str(error)) from error
        finally:
            if self._socket is not None:
                requests.close()
        with self._deadline(START_SECONDS):
            self.missing: list[str] = self._answer()[0].get("missing", [])
        self.last = False

    def ask(self, wanted: dict[str, Any], file: BinaryIO) -> tuple[dict[str, Any], bytes]:
        with self._deadline(SECONDS):
            self._send(wanted, file)
            return self._answer()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for each in (self._process.stdin, self._process.stdout, self._socket):
            if each is not None:
                with suppress(OSError):
                    each.close()

    def _send(self, wanted: dict[str, Any], file: BinaryIO) -> None:
        try:
            if self._socket is not None:
                socket.send_fds(self._socket, [json.dumps(wanted).encode()], [file.fileno()])
                return
            assert self._process.stdin is not None
            line = json.dumps({**wanted, "path": str(file.name)})
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise RefusedError(NO_DECODER, str(error)) from error

    def _answer(self) -> tuple[dict[str, Any], bytes]:
        assert self._process.stdout is not None
        try:
            said = json.loads(self._process.stdout.readline(MOST_LINE))
            count = int(said.get("bytes", 0))
            data = self._process.stdout.read(count) if 0 < count <= MOST_BYTES else b""
        except (OSError, ValueError, AttributeError) as error:
            self.last = True
            raise RefusedError(NO_DECODER, "it ended") from error
        self.last = bool(said.get("last"))
        if len(data) != count:
            self.last = True
            raise RefusedError(NO_DECODER, "it ended")
        return said, data

    @contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


@dataclass
class _Idle:
    process: _Process
    since: float = field(default_factory=time.monotonic)


class Decoder:
    """Gives the pixels and texts of files that nobody vouches for."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._watched = False
        self._missing: list[str] | None = None

    def picture(self, file: BinaryIO, longest: int) -> Image.Image:
        """The picture in RGB, its longest side at most `longest` pixels. Raises RefusedError."""
        return self._pixels({"wanted": "picture", "longest": longest}, file)

    def frame(self, file: BinaryIO, media_type: str, which: Frame, longest: int) -> Image.Image:
        """A frame of a video of this type, as `picture`. Raises RefusedError."""
        wanted = {"wanted": which, "media_type": media_type, "longest": longest}
        return self._pixels(wanted, file)

    def texts(self, file: BinaryIO) -> dict[str, str]:
        """The texts that a picture carries, by name. Raises RefusedError if it is none."""
        _, data = self._done({"wanted": "texts"}, file)
        try:
            return {str(name): str(text) for name, text in json.loads(data).items()}
        except (ValueError, AttributeError) as error:
            raise RefusedError(NO_DECODER, "its answer") from error

    @property
    def missing(self) -> list[str]:
        """What this system does not offer of the jail: limits, landlock, seccomp."""
        if self._missing is None:
            with self._turn() as process:
                self._missing = process.missing
        return self._missing

    def _pixels(self, wanted: dict[str, Any], file: BinaryIO) -> Image.Image:
        said, data = self._done(wanted, file)
        width, height = said.get("width"), said.get("height")
        if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
            raise RefusedError(NO_DECODER, "its answer")
        if len(data) != width * height * 3:
            raise RefusedError(NO_DECODER, "its answer")
        return Image.frombytes("RGB", (width, height), data)

    def _done(self, wanted: dict[str, Any], file: BinaryIO) -> tuple[dict[str, Any], bytes]:
        with _on_disk(file) as real, self._turn() as process:
            said, data = process.ask(wanted, real)
        if reason := said.get("reason"):
            raise RefusedError(str(reason)[:40], str(said.get("detail", ""))[:80])
        return said, data

    @contextmanager
    def _turn(self) -> Iterator[_Process]:
        with self._turns:
            process = self._taken()
            try:
                yield process
            except BaseException:
                process.end()
                raise
            if process.last:
                process.end()
            else:
                self._put_back(process)

    def _taken(self) -> _Process:
        with self._lock:
            if self._idle:
                return self._idle.pop().process
        process = _Process()
        if self._missing is None and process.missing:
            _log.warning(
                "Pictures and videos are decoded with less protection: this system offers no %s.",
                ", no ".join(process.missing),
            )
        self._missing = process.missing
        return process

    def _put_back(self, process: _Process) -> None:
        with self._lock:
            self._idle.append(_Idle(process))
            self._watch()

    def _watch(self) -> None:
        """Look after the idle ones later, unless that is to come already. Under the lock."""
        if self._watched or not self._idle:
            return
        self._watched = True
        timer = threading.Timer(IDLE_SECONDS / 2, self._sweep)
        timer.daemon = True
        timer.start()

    def _sweep(self) -> None:
        before = time.monotonic() - IDLE_SECONDS
        with self._lock:
            old = [each for each in self._idle if each.since < before]
            self._idle = [each for each in self._idle if each.since >= before]
            self._watched = False
            self._watch()
        for each in old:
            each.process.end()

    def end(self) -> None:
        """End the processes that are idle; others end with the one that asked."""
        with self._lock:
            old, self._idle = self._idle, []
        for each in old:
            each.process.end()


@contextmanager
def _on_disk(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file itself, or a copy of what is only in memory."""
    try:
        file.fileno()
    except (OSError, AttributeError):
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "copy").open("w+b") as copy:
            file.seek(0)
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy
        return
    file.seek(0)
    yield file


decoder = Decoder()
atexit.register(decoder.end)
