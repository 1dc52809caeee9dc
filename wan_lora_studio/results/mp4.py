"""MP4 files: their texts, found by walking the boxes. Nothing is decoded and little is read.

Source: ISO/IEC 14496-12, 4.2 (box header). The comment is in Apple's item list,
`moov.udta.meta.ilst`, as the box `©cmt`, which FFmpeg and mutagen both write. Where the handler of
`meta` is `mdta`, the items are numbered, and a box `keys` before them has their names (QuickTime
File Format, Metadata): FFmpeg's `use_metadata_tags`, with which ComfyUI saves. Every size is
checked against its parent, so a hostile file costs at most `MAX_BOXES` short reads and
`MAX_COMMENT` bytes a text.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.facts import CHOOSE
from wan_lora_studio.texts import say

MAX_BOXES = 20_000
MAX_COMMENT = 4_000_000
HEADER = 8
COMMENT = b"\xa9cmt"
MAX_KEYS = 64_000  # bytes
KEYS_HEADER = 8  # of `keys`: its version and how many there are
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
    found = read_texts(file, ("comment",))
    if "comment" not in found:
        raise _unreadable(say("results.reading.mp4.no_comment"))
    return found["comment"]


def read_texts(file: BinaryIO, names: Collection[str]) -> dict[str, str]:
    """Those of the texts of these names that a whole MP4 has; `comment` is one of its own.

    Raises GenerationError if the file is no MP4 or is cut short.
    """
    size = file.seek(0, os.SEEK_END)
    walk = _Walk(file)
    top = {box.kind: box for box in walk.boxes(0, size)}
    if b"ftyp" not in top or not {b"moov", b"mdat"} <= set(top):
        raise _unreadable(say("results.reading.mp4.not_whole"))
    moov = top[b"moov"]
    found: dict[str, str] = {}
    for above in (walk.child(moov, b"udta"), moov):
        meta = walk.child(above, b"meta")
        if meta is not None:
            found = dict(_items(walk, meta, names)) | found
    return found


def _items(walk: _Walk, meta: Box, names: Collection[str]) -> Iterator[tuple[str, str]]:
    children = {box.kind: box for box in walk.boxes(walk.content_of_meta(meta), meta.end)}
    if b"ilst" not in children:
        return
    called = {COMMENT: "comment"}
    if b"keys" in children:
        called |= walk.keys(children[b"keys"])
    for item in walk.boxes(children[b"ilst"].start, children[b"ilst"].end):
        name = called.get(item.kind, "")
        data = walk.child(item, b"data") if name in names else None
        if data is not None:
            yield name, walk.text(data)


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
            raise _unreadable(say("results.reading.mp4.too_many_parts"))
        head = self._read(start, HEADER)
        size, kind, content = int.from_bytes(head[:4], "big"), head[4:8], start + HEADER
        if size == 1:
            size, content = int.from_bytes(self._read(content, 8), "big"), content + 8
        stop = end if size == 0 else start + size
        if len(head) < HEADER or not content <= stop <= end:
            raise _unreadable(say("results.reading.mp4.damaged"))
        return Box(kind, content, stop)

    def child(self, box: Box | None, kind: bytes) -> Box | None:
        """The first child of this kind."""
        children = self.boxes(box.start, box.end) if box else iter(())
        return next((child for child in children if child.kind == kind), None)

    def keys(self, box: Box) -> dict[bytes, str]:
        """The names in `keys`, by the kind that an item of that number has."""
        data = self._read(box.start, min(box.end - box.start, MAX_KEYS))
        found: dict[bytes, str] = {}
        at = KEYS_HEADER
        while at + HEADER <= len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            if size < HEADER:
                break
            name = data[at + HEADER : at + size].decode("utf-8", "replace")
            found[(len(found) + 1).to_bytes(4, "big")] = name
            at += size
        return found

    def content_of_meta(self, box: Box) -> int:
        """Where the children of `meta` begin: QuickTime's has no version before them."""
        return box.start if self._read(box.start, HEADER)[4:8] == b"hdlr" else box.start + 4

    def text(self, box: Box) -> str:
        start = box.start + TEXT_HEADER
        if not 0 <= box.end - start <= MAX_COMMENT:
            raise _unreadable(say("results.reading.mp4.long_comment"))
        try:
            return self._read(start, box.end - start).decode("utf-8")
        except UnicodeDecodeError as error:
            raise _unreadable(say("results.reading.mp4.no_text")) from error

    def _read(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        return self._file.read(count)


def _unreadable(reason: str) -> GenerationError:
    return GenerationError(
        say("results.reading.mp4.unreadable", reason=reason),
        suggestions=[CHOOSE],
        context={"reason": reason},
    )
