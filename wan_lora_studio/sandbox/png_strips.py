"""Large PNG pictures, read made smaller: a strip of rows at a time, in little memory.

Pillow decodes a PNG as a whole only. Its data are one zlib stream of rows, each of which may
refer to the row above (PNG specification, 3rd edition, 9 and 10); so some rows of it, with the
decoded row above them put first, are a PNG of their own.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from PIL import Image

from wan_lora_studio.sandbox.refusals import CUT_SHORT, DAMAGED, TOO_MANY_PIXELS, RefusedError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 100_000_000
MAX_SIDE = 65_535
STRIP_BYTES = 4 * 1024 * 1024
READ_BYTES = 64 * 1024
MAX_CHUNKS = 100_000
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # bytes a pixel by colour type, at 8 bits
COLOURS = (b"PLTE", b"tRNS")


@dataclass
class Large:
    """A PNG's first chunk, and those that say what its bytes mean. Sizes in pixels."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    colours: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def is_readable(self) -> bool:
        sides = max(self.width, self.height) <= MAX_SIDE
        small = 0 < self.width * self.height <= MAX_PIXELS
        return sides and small and self.depth == 8 and not self.interlaced

    @property
    def row(self) -> int:
        """Bytes of a decoded row."""
        return self.width * CHANNELS[self.colour]


def png_size(file: BinaryIO) -> Large | None:
    """What the file's first chunk says; None if it is no PNG. The file is left at its start."""
    file.seek(0)
    start = file.read(33)
    file.seek(0)
    if (
        len(start) < 33
        or not start.startswith(SIGNATURE)
        or start[12:16] != b"IHDR"
        or start[25] not in CHANNELS
    ):
        return None
    width, height = (int.from_bytes(start[at : at + 4], "big") for at in (16, 20))
    return Large(width, height, start[24], start[25], start[28] != 0)


def reduced(file: BinaryIO, size: Large, longest: int) -> Image.Image:
    """The picture in RGB, its longest side at most `longest` pixels and more than half of that.

    Raises RefusedError if it is damaged, or of a form that cannot be read in strips.
    """
    if not size.is_readable:
        raise RefusedError(TOO_MANY_PIXELS)
    factor = -(-max(size.width, size.height) // longest)
    found = Image.new("RGB", (-(-size.width // factor), -(-size.height // factor)))
    rows = max(1, STRIP_BYTES // size.row // factor) * factor
    stream = _Rows(file, size)
    above = bytes(size.row)
    for top in range(0, size.height, rows):
        count = min(rows, size.height - top)
        strip = _strip(size, above, stream.read(count * (size.row + 1)), count)
        above = strip.crop((0, count, size.width, count + 1)).tobytes()
        part = strip.crop((0, 1, size.width, count + 1)).convert("RGB").reduce(factor)
        found.paste(part, (0, top // factor))
    return found


def _strip(size: Large, above: bytes, data: bytes, count: int) -> Image.Image:
    head = size.width.to_bytes(4, "big") + (count + 1).to_bytes(4, "big")
    head += bytes((size.depth, size.colour, 0, 0, 0))
    chunks = [(b"IHDR", head), *size.colours]
    chunks += [(b"IDAT", zlib.compress(b"\0" + above + data, 0)), (b"IEND", b"")]
    picture = Image.open(io.BytesIO(SIGNATURE + b"".join(map(_chunk, chunks))), formats=("PNG",))
    picture.load()
    return picture


def _chunk(chunk: tuple[bytes, bytes]) -> bytes:
    kind, data = chunk
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


class _Rows:
    """The rows of a PNG as they are filtered, decompressed as they are read."""

    def __init__(self, file: BinaryIO, size: Large) -> None:
        self._pieces = _pieces(file, size)
        self._stream = zlib.decompressobj()

    def read(self, count: int) -> bytes:
        """The next `count` bytes. Raises RefusedError if there are fewer, or no zlib stream."""
        found = bytearray()
        while len(found) < count:
            piece = self._stream.unconsumed_tail or next(self._pieces, b"")
            try:
                data = self._stream.decompress(piece, count - len(found))
            except zlib.error as error:
                raise RefusedError(DAMAGED) from error
            if not piece and not data:
                raise RefusedError(CUT_SHORT)
            found += data
        return bytes(found)


def _pieces(file: BinaryIO, size: Large) -> Iterator[bytes]:
    """The compressed data; on the way, the chunks that come before are kept in `size`."""
    file.seek(len(SIGNATURE))
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            return
        if kind == b"IDAT":
            while length > 0 and (piece := file.read(min(length, READ_BYTES))):
                length -= len(piece)
                yield piece
        elif kind in COLOURS and length <= 1024:
            size.colours.append((kind, file.read(length)))
            length = 0
        file.seek(length + 4, io.SEEK_CUR)
