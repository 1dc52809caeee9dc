"""Feed: the whole library as the body of an answer, written once for each of its states."""

from __future__ import annotations

import json
import secrets
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import Request, Response

from wan_lora_studio.wan.lora_manager import LoRAManager

PROGRESS = "refresh_progress"  # changes all the time, so it is written last, for each answer
GZIP = zlib.MAX_WBITS | 16
FAST = 1  # the level: a library that is being looked through is sent again and again


class Feed:
    """What the library shows; any thread may ask.

    `write` gives it as the text of a JSON object without PROGRESS, by one thread at a time.
    """

    def __init__(self, loras: LoRAManager, write: Callable[[], str]) -> None:
        self._loras = loras
        self._write = write
        self._lock = threading.Lock()
        self._kept: _Body | None = None
        self._start = secrets.token_hex(4)  # another version of the program may write otherwise

    def answer(self, request: Request) -> Response:
        """The library, or 304 for a reader that has it already; compressed for one that can."""
        version, progress = self._loras.shown_version, self._loras.refresh_progress
        stage = progress["stage"] if progress else "at rest"
        etag = f'W/"{self._start}-{version}-{stage}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if etag in request.headers.get("if-none-match", "").split(", "):
            return Response(status_code=304, headers=headers)
        body, end = self._body(version), _end(progress)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(body.text + end, media_type="application/json", headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(body.compressed_with(end), media_type="application/json", headers=headers)

    def _body(self, version: str) -> _Body:
        """Made by the first who asks for it; the others wait."""
        with self._lock:
            if self._kept is not None and self._kept.version == version:
                return self._kept
            body = _Body(version, self._write()[:-1].encode(errors="replace"))
            # What changed meanwhile is in it perhaps, and perhaps not.
            self._kept = body if self._loras.shown_version == version else None
            return body


def whole(loras: LoRAManager) -> str:
    """Every record with its verdicts."""
    data = loras.get_ui_display_data()
    del data[PROGRESS]
    return written(data)


def written(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class _Body:
    """Everything but the progress and the closing brace."""

    version: str
    text: bytes

    @cached_property
    def _compressed(self) -> tuple[bytes, Any]:
        """The text's beginning as gzip has it, and the compressor that can go on from there."""
        compressor = zlib.compressobj(FAST, wbits=GZIP)
        return compressor.compress(self.text), compressor

    def compressed_with(self, end: bytes) -> bytes:
        start, compressor = self._compressed
        going_on = compressor.copy()
        rest: bytes = going_on.compress(end) + going_on.flush()
        return start + rest


def _end(progress: Mapping[str, Any] | None) -> bytes:
    return f',"{PROGRESS}":{json.dumps(progress)}}}'.encode()
