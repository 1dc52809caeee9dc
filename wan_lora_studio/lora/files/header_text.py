"""Header text, read in little memory however long it is.

Some trainers write the tags of every caption into the metadata: 18 to 55 MB in one text have been
seen, and the format allows 100 MB. As a long header streams by, texts that are too long to be of
use here are left empty, and one that holds too many texts is refused before they are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wan_lora_studio.lora.files.header_strict import MAX_METADATA, MAX_TENSORS, fail
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB

WHOLE_BYTES = 1024 * 1024  # a header up to this is read as it is
MOST_NAMED = 20  # texts that are left empty; one more says that there are more
LONGEST_NAME = 100  # bytes of a name that are told
CHUNK_BYTES = 1024 * 1024
# Five of each tensor, two of each entry of the metadata, and its own name.
MOST_TEXTS = 5 * MAX_TENSORS + 2 * MAX_METADATA + 1
_INSIDE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes: a `long` text is kept while all those that are kept make no more than `long_ones`;
    all the rest together may take `rest`."""

    long: int = 64 * 1024
    long_ones: int = 8 * 1024 * 1024
    rest: int = 16 * 1024 * 1024


USUAL = Room()


def header_text(
    read: Callable[[int], bytes], length: int, name: str
) -> tuple[bytes, tuple[str, ...]]:
    """The text of a header of `length` bytes, shorter than that where long texts are left empty,
    and the names of these.

    `read` gives up to so many of the next bytes. Raises LoRAFileError, that names the file as
    `name`, if the file ends before or the header holds too much.
    """
    if length <= WHOLE_BYTES:
        return b"".join(_chunks(read, length, name)), ()
    condensed = Condensed(name)
    for chunk in _chunks(read, length, name):
        condensed.add(chunk)
    return condensed.end(), tuple(condensed.left_empty)


def _chunks(read: Callable[[int], bytes], length: int, name: str) -> Iterator[bytes]:
    """A network drive may give less than was asked for."""
    while length > 0:
        chunk = read(min(length, CHUNK_BYTES))
        if not chunk:
            fail(name, say("lora.files.became_shorter"))
        length -= len(chunk)
        yield chunk


@dataclass
class Condensed:
    """A JSON text that is added piece by piece. `left_empty` are the names of the first texts
    that were too long: what stands before each."""

    name: str
    room: Room = USUAL
    most_texts: int = MOST_TEXTS
    left_empty: list[str] = field(default_factory=list)
    _last: str = ""  # the text before, if it may be a name
    _kept: bytearray = field(default_factory=bytearray)
    _text: bytearray | None = None  # the one that is read; None outside of texts
    _dropped: bool = False  # it is left empty
    _escaped: bool = False  # the chunk before ended with a backslash
    _texts: int = 0
    _long: int = 0  # bytes of the long texts that are kept

    def add(self, chunk: bytes) -> None:
        """Raises LoRAFileError when it is too much."""
        at = 0
        while at < len(chunk):
            at = self._outside(chunk, at) if self._text is None else self._inside(chunk, at)

    def end(self) -> bytes:
        if self._text is not None:  # a text without an end, which a parser then complains of
            self._kept += self._text
        return bytes(self._kept)

    def _outside(self, chunk: bytes, at: int) -> int:
        quote = chunk.find(b'"', at)
        stop = len(chunk) if quote < 0 else quote
        self._keep(chunk[at:stop])
        if quote < 0:
            return stop
        self._texts += 1
        if self._texts > self.most_texts:
            fail(
                self.name,
                say(
                    "lora.files.header.texts",
                    count=f"{self.most_texts:,}",
                    tensors=f"{MAX_TENSORS:,}",
                    entries=f"{MAX_METADATA:,}",
                ),
            )
        self._text, self._dropped = bytearray(b'"'), False
        return quote + 1

    def _inside(self, chunk: bytes, at: int) -> int:
        if self._escaped:
            self._escaped = False
            stop = at + 1
        else:
            stop = at
        found = _INSIDE.match(chunk, stop)
        stop = found.end() if found else stop
        self._take(chunk[at:stop])
        if stop == len(chunk):
            return stop
        if chunk[stop] == ord('"'):
            self._close()
        else:  # a backslash, at the end of the chunk
            self._take(b"\\")
            self._escaped = True
        return stop + 1

    def _take(self, piece: bytes) -> None:
        assert self._text is not None
        if self._dropped:
            return
        self._text += piece
        size = len(self._text)
        if size > self.room.long and self._long + size > self.room.long_ones:
            self._text, self._dropped = bytearray(b'"'), True
            if len(self.left_empty) <= MOST_NAMED:
                self.left_empty.append(self._last)

    def _close(self) -> None:
        assert self._text is not None
        if len(self._text) > self.room.long:
            self._long += len(self._text)
        self._last = self._text[1 : LONGEST_NAME + 1].decode(errors="replace")
        self._text += b'"'
        self._keep(self._text)
        self._text = None

    def _keep(self, piece: bytes | bytearray) -> None:
        self._kept += piece
        if len(self._kept) > self.room.rest + self._long:
            fail(self.name, say("lora.files.header.short_texts", size=self.room.rest // MB))
