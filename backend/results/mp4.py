"""The comment of an MP4, found by walking its boxes. Nothing is decoded and little is read.

Source: ISO/IEC 14496-12, 4.2 (box header); the comment is Apple's item list, `moov.udta.meta.ilst`
with the box `©cmt`, which FFmpeg and mutagen both write. Every size is checked against its
parent, so a hostile file costs at most `MAX_BOXES` short reads and `MAX_COMMENT` bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from backend.errors import GenerationError

MAX_BOXES = 20_000
MAX_COMMENT = 4_000_000
HEADER = 8
COMMENT = b"\xa9cmt"
TEXT_HEADER = 8  # of a `data` box: its type and its locale


@dataclass(frozen=True)
class Box:
    """A box's four letters, and where its content begins and ends in the file (bytes)."""

    kind: bytes
    start: int
    end: int


def read_comment(file: BinaryIO) -> str:
    """The comment of a whole MP4.

    Raises GenerationError if the file is no MP4, is cut short, or has no comment.
    """
    size = file.seek(0, os.SEEK_END)
    walk = _Walk(file)
    top = {box.kind: box for box in walk.boxes(0, size)}
    if b"ftyp" not in top or not {b"moov", b"mdat"} <= set(top):
        raise _unreadable("it is no whole MP4")
    box = top[b"moov"]
    for kind in (b"udta", b"meta", b"ilst", COMMENT, b"data"):
        start = walk.content_of_meta(box) if box.kind == b"meta" else box.start
        found = next((item for item in walk.boxes(start, box.end) if item.kind == kind), None)
        if found is None:
            raise _unreadable("it carries no comment")
        box = found
    return walk.text(box)


class _Walk:
    """One reading of one file, with a limit on all that it looks at."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_BOXES

    def boxes(self, start: int, end: int) -> Iterator[Box]:
        """The boxes that fill the range one after another, to its last byte."""
        while start < end:
            box = self._box(start, end)
            yield box
            start = box.end

    def _box(self, start: int, end: int) -> Box:
        self._left -= 1
        if self._left < 0:
            raise _unreadable("it has too many parts")
        head = self._read(start, HEADER)
        size, kind, content = int.from_bytes(head[:4], "big"), head[4:8], start + HEADER
        if size == 1:
            size, content = int.from_bytes(self._read(content, 8), "big"), content + 8
        stop = end if size == 0 else start + size
        if len(head) < HEADER or not content <= stop <= end:
            raise _unreadable("it is cut short or damaged")
        return Box(kind, content, stop)

    def content_of_meta(self, box: Box) -> int:
        """Where the children of `meta` begin: QuickTime's has no version before them."""
        return box.start if self._read(box.start, HEADER)[4:8] == b"hdlr" else box.start + 4

    def text(self, box: Box) -> str:
        start = box.start + TEXT_HEADER
        if not 0 <= box.end - start <= MAX_COMMENT:
            raise _unreadable("its comment is too long")
        try:
            return self._read(start, box.end - start).decode("utf-8")
        except UnicodeDecodeError as error:
            raise _unreadable("its comment is not text") from error

    def _read(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        return self._file.read(count)


def _unreadable(reason: str) -> GenerationError:
    return GenerationError(
        f"The video's settings cannot be read: {reason}.",
        suggestions=["Choose an MP4 that this app or WanGP made, or the JSON beside it."],
        context={"reason": reason},
    )
