"""The decoder's process: takes one file after the other, and gives back pixels or texts.

It is started as `python -I -c`, with requests on its standard input: JSON lines, each with a file's
descriptor beside it (or, where there are no such, its path). Every answer on its standard output is
a line of JSON and then as many bytes as it says. Before the first request it enters the jail.
"""

from __future__ import annotations

import codecs
import importlib
import json
import os
import pkgutil
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import av
from PIL import Image

from wan_lora_studio.sandbox.jail import Limits, enter_jail
from wan_lora_studio.sandbox.picture_texts import texts_of
from wan_lora_studio.sandbox.pictures import decoded
from wan_lora_studio.sandbox.refusals import NOT_DECODED, RefusedError
from wan_lora_studio.sandbox.video_frames import frame_of

MEMORY = 1536 * 1024 * 1024
CPU_SECONDS = 600
FILES = 1000  # after so many, or half of the seconds, a new process goes on
MOST_REQUEST = 64 * 1024
ENCODINGS = ("ascii", "latin_1", "utf_8", "utf_16", "utf_16_be", "utf_16_le", "cp1252")  # of texts
SHAKEN = ("MemoryError", "SystemError", "RecursionError")  # after these a new process goes on, too


class _Requests:
    """They come over a socket with their file, or over a pipe with its path."""

    def __init__(self) -> None:
        self._socket = None if sys.platform == "win32" else socket.socket(fileno=os.dup(0))

    def next(self) -> tuple[dict[str, Any], BinaryIO] | None:
        if self._socket is None:
            line = sys.stdin.buffer.readline(MOST_REQUEST)
            if not line:
                return None
            request = json.loads(line)
            return request, Path(request["path"]).open("rb")
        line, descriptors, _, _ = socket.recv_fds(self._socket, MOST_REQUEST, 1)
        if not line or not descriptors:
            return None
        return json.loads(line), os.fdopen(descriptors[0], "rb")


def main() -> None:
    """Answer until nobody asks any more."""
    requests = _Requests()
    answers = os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # whatever a library says is not an answer
    _load_all()
    missing = enter_jail(Limits(MEMORY, CPU_SECONDS))
    _answer(answers, {"missing": missing})
    for number in range(1, FILES + 1):
        request = requests.next()
        if request is None:
            return
        asked, file = request
        with file:
            said, data = _done(asked, file)
        used = sum(os.times()[:2])
        last = number == FILES or used > CPU_SECONDS / 2 or said.get("detail") in SHAKEN
        _answer(answers, {**said, "last": last, "bytes": len(data)}, data)
        if last:
            return


def _load_all() -> None:
    """Load every reader at once: later no module can be read."""
    Image.init()
    for name in ENCODINGS:
        codecs.lookup(name)
    for found in pkgutil.walk_packages(av.__path__, "av."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def _done(asked: dict[str, Any], file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    try:
        if asked["wanted"] == "texts":
            return {}, json.dumps(texts_of(file)).encode()
        if asked["wanted"] == "picture":
            picture = decoded(file)
        else:
            picture = frame_of(file, asked["media_type"], asked["wanted"])
        longest = int(asked["longest"])
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        picture = picture.convert("RGB")
        return {"width": picture.width, "height": picture.height}, picture.tobytes()
    except RefusedError as error:
        return {"reason": error.reason, "detail": error.detail}, b""
    except BaseException as error:  # noqa: BLE001 - a decoder raises whatever the bytes make it meet
        return {"reason": NOT_DECODED, "detail": type(error).__name__}, b""


def _answer(answers: BinaryIO, said: dict[str, Any], data: bytes = b"") -> None:
    with suppress(BrokenPipeError):
        answers.write(json.dumps(said).encode() + b"\n")
        answers.write(data)
        answers.flush()
