"""Matroska and WebM files: their texts, found by walking the elements. Nothing is decoded.

Source: RFC 8794 (EBML: an identifier, a size, then the content) and RFC 9559, 5.1.8 (`Tags`).
Every size is checked against its parent, so a hostile file costs a bounded number of short reads.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import BinaryIO, NamedTuple

from wan_lora_studio.results.mp4 import MAX_COMMENT

SIGNATURE = b"\x1a\x45\xdf\xa3"
SEGMENT, TAGS, TAG, SIMPLE_TAG = 0x18538067, 0x1254C367, 0x7373, 0x67C8
TAG_NAME, TAG_STRING = 0x45A3, 0x4487
MAX_ELEMENTS = 100_000
MAX_NAME = 1000


class Element(NamedTuple):
    """Its identifier, and where its content begins and ends in the file (bytes)."""

    id: int
    start: int
    end: int


def read_texts(file: BinaryIO, names: Collection[str]) -> dict[str, str]:
    """The file's own texts of these names, in lower case; what is damaged is passed over."""
    size = file.seek(0, os.SEEK_END)
    walk = _Walk(file)
    found: dict[str, str] = {}
    for tag in walk.below((SEGMENT, TAGS, TAG), 0, size):
        for simple in walk.below((SIMPLE_TAG,), tag.start, tag.end):
            parts = {part.id: part for part in walk.elements(simple.start, simple.end)}
            if TAG_NAME in parts and TAG_STRING in parts:
                name = walk.text(parts[TAG_NAME], MAX_NAME).lower()
                if name in names and name not in found:
                    found[name] = walk.text(parts[TAG_STRING], MAX_COMMENT)
    return found


class _Walk:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_ELEMENTS

    def below(self, path: Collection[int], start: int, end: int) -> Iterator[Element]:
        """The elements that a path of identifiers leads to."""
        first, *rest = path
        for element in self.elements(start, end):
            if element.id == first and rest:
                yield from self.below(rest, element.start, element.end)
            elif element.id == first:
                yield element

    def elements(self, start: int, end: int) -> Iterator[Element]:
        """The elements in the range, up to the first that is not whole."""
        while start < end and self._left > 0:
            self._left -= 1
            self._file.seek(start)
            head = self._file.read(12)
            kind, used = _number(head, keep_mark=True)
            size, more = _number(head[used:], keep_mark=False)
            content = start + used + more
            unknown = size == (1 << (7 * more)) - 1  # of one that was written as a stream
            stop = end if unknown else content + size
            if not (used and more and content <= stop <= end):
                return
            yield Element(kind, content, stop)
            start = stop

    def text(self, element: Element, most: int) -> str:
        self._file.seek(element.start)
        data = self._file.read(min(element.end - element.start, most))
        return data.rstrip(b"\0").decode("utf-8", "replace")


def _number(data: bytes, *, keep_mark: bool) -> tuple[int, int]:
    """A number of variable length, and its length in bytes; 0 for none."""
    length = 9 - data[0].bit_length() if data else 0
    if not data or not 1 <= length <= 8 or len(data) < length:
        return 0, 0
    value = int.from_bytes(data[:length], "big")
    return (value if keep_mark else value & ((1 << (7 * length)) - 1)), length
