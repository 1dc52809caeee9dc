"""Header of a GGUF file, read strictly and within bounds. No torch here, and no weights are read.

Format: the magic, a version, how many tensors and values there are; the values, each a key, a type
and its content; the tensors, each a name, its sizes (innermost first), a type and an offset; then
their data. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Only versions 2 and
3 in little-endian order are read. Values are skipped but for two: how data is aligned, and shapes
that converters note because the format once took at most four sizes.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from math import prod
from pathlib import Path
from typing import BinaryIO, NamedTuple

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import open_regular
from wan_lora_studio.texts import say
from wan_lora_studio.units import in_part
from wan_lora_studio.wan.weights.refusals import some, unusable

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_TENSORS = 20_000
MAX_VALUES = 10_000
MAX_TEXTS = 1_000_000  # in arrays; a vocabulary has 256,000
MAX_NAME = 1024  # bytes
MAX_DIMENSIONS = 8
MAX_ALIGNMENT = 1 << 20
ALIGNMENT = "general.alignment"
SHAPE = "comfy.gguf.orig_shape."  # and a tensor's name
PLAIN = frozenset({"F32", "F16", "BF16"})
DECODED = PLAIN | {  # what diffusers decodes
    "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "Q6_K", "Q5_K", "Q4_K", "Q3_K", "Q2_K", "IQ4_NL",
    "IQ4_XS",
}  # fmt: skip
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # by type
_U32, _I32, _TEXT, _ARRAY = 4, 5, 8, 9


@dataclass(frozen=True)
class GGUFTensor:
    """`kind` is its quantisation, `shape` as torch has it; `start` and `size` are in bytes."""

    kind: str
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def quantised(self) -> bool:
        return self.kind not in PLAIN


@dataclass(frozen=True)
class GGUFHeader:
    """The tensors by name, each of which the file holds whole."""

    tensors: Mapping[str, GGUFTensor]

    @property
    def kind(self) -> str:
        """The type that most of the file is in, such as Q5_K."""
        sizes: Counter[str] = Counter()
        for tensor in self.tensors.values():
            sizes[tensor.kind] += tensor.size
        return max(sizes, key=lambda kind: (sizes[kind], kind))


def is_gguf(path: Path) -> bool:
    """By how it begins, whatever it is called. False for what cannot be read."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except (LoRAError, OSError):
        return False


def read_gguf_header(path: Path) -> GGUFHeader:
    """Read and check the header. Raises ModelLoadError with one message per way of being wrong."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return _Reader(path, file, os.fstat(file.fileno()).st_size).header()
    except LoRAError as error:
        raise unusable(path, error.message.rstrip(".")) from error


def gguf_header_in(start: bytes, name: str, size: int) -> GGUFHeader:
    """The header of a file that lies elsewhere, by its first bytes and its size. Raises as
    `read_gguf_header`, also where the header goes on after these bytes."""
    return _Reader(Path(name), BytesIO(start), size, len(start)).header()


class _Entry(NamedTuple):
    """`sizes` are innermost first, `kind` is the number of the type, `offset` is in the data."""

    name: str
    sizes: tuple[int, ...]
    kind: int
    offset: int


class _Reader:
    def __init__(self, path: Path, file: BinaryIO, size: int, there: int | None = None) -> None:
        """`size` is the file's, `there` how much of it can be read, if not all."""
        self._path, self._file = path, file
        self._size, self._there = size, size if there is None else there
        self._at = 0
        self._texts = 0

    def header(self) -> GGUFHeader:
        if self._take(len(MAGIC)) != MAGIC:
            raise unusable(self._path, say("wan.weights.gguf.kind"))
        version = self._u32()
        if version not in VERSIONS:
            raise unusable(self._path, say("wan.weights.gguf.version", version=version))
        tensors, values = self._u64(), self._u64()
        if tensors > MAX_TENSORS or values > MAX_VALUES:
            raise unusable(
                self._path,
                say(
                    "wan.weights.gguf.claims",
                    tensors=tensors,
                    values=values,
                    most_tensors=MAX_TENSORS,
                    most_values=MAX_VALUES,
                ),
            )
        if not tensors:
            raise unusable(self._path, say("wan.weights.gguf.no_tensors"))
        alignment, shapes = self._values(values)
        listed = [self._entry() for _ in range(tensors)]
        start = -(-self._at // alignment) * alignment
        if twice := [name for name, n in Counter(e.name for e in listed).items() if n > 1]:
            raise unusable(
                self._path,
                say("wan.weights.twice", count=len(twice), weights=some(sorted(twice))),
            )
        self._require_known(listed)
        tensors_by_name = {}
        for entry in listed:
            if entry.offset % alignment:
                raise unusable(self._path, say("wan.weights.gguf.start", tensor=entry.name))
            found = self._tensor(entry, shapes.get(entry.name), start + entry.offset)
            tensors_by_name[entry.name] = found
        return GGUFHeader(tensors_by_name)

    def _values(self, count: int) -> tuple[int, dict[str, tuple[int, ...]]]:
        """The alignment, and the shapes that are noted for tensors."""
        alignment, shapes, keys = 32, {}, set()
        for _ in range(count):
            key, kind = self._name(), self._u32()
            if key in keys:
                raise unusable(self._path, say("wan.weights.gguf.value_twice", name=repr(key)))
            keys.add(key)
            if key == ALIGNMENT and kind == _U32:
                alignment = self._u32()
                if not 0 < alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
                    raise unusable(self._path, say("wan.weights.gguf.alignment", size=alignment))
            elif key.startswith(SHAPE) and kind == _ARRAY:
                shapes[key.removeprefix(SHAPE)] = self._noted_shape()
            else:
                self._skip_value(kind)
        return alignment, shapes

    def _noted_shape(self) -> tuple[int, ...]:
        kind, length = self._u32(), self._u64()
        if kind != _I32 or not 0 < length <= MAX_DIMENSIONS:
            raise unusable(self._path, say("wan.weights.gguf.noted_shape"))
        return struct.unpack(f"<{length}i", self._take(4 * length))

    def _skip_value(self, kind: int) -> None:
        if kind == _TEXT:
            self._skip(self._u64())
        elif kind == _ARRAY:
            inner, length = self._u32(), self._u64()
            if inner == _TEXT:
                self._texts += length
                if self._texts > MAX_TEXTS:
                    raise unusable(self._path, say("wan.weights.gguf.texts", count=MAX_TEXTS))
                for _ in range(length):
                    self._skip(self._u64())
            else:
                self._skip(length * self._width(inner))
        else:
            self._skip(self._width(kind))

    def _width(self, kind: int) -> int:
        if kind not in _WIDTHS:
            raise unusable(self._path, say("wan.weights.gguf.type", kind=kind))
        return _WIDTHS[kind]

    def _entry(self) -> _Entry:
        name, dimensions = self._name(), self._u32()
        if not 0 < dimensions <= MAX_DIMENSIONS:
            raise unusable(
                self._path, say("wan.weights.gguf.dimensions", tensor=name, count=dimensions)
            )
        sizes = struct.unpack(f"<{dimensions}Q", self._take(8 * dimensions))
        return _Entry(name, sizes, self._u32(), self._u64())

    def _require_known(self, entries: list[_Entry]) -> None:
        known = _blocks()
        numbers = {entry.kind for entry in entries}
        unknown = {n for n in numbers if n not in known or known[n][0] not in DECODED}
        if unknown:
            names = [known[kind][0] if kind in known else str(kind) for kind in unknown]
            raise unusable(
                self._path,
                say("wan.weights.gguf.quantisation", names=some(sorted(names))),
                say("wan.weights.gguf.choose", names=", ".join(sorted(DECODED))),
            )

    def _tensor(self, entry: _Entry, noted: tuple[int, ...] | None, start: int) -> GGUFTensor:
        kind, block, block_bytes = _blocks()[entry.kind]
        count = prod(entry.sizes)
        same = noted is not None and prod(noted) == count
        shape = noted if noted is not None and same else tuple(reversed(entry.sizes))
        if not count or min(shape) <= 0 or entry.sizes[0] % block or shape[-1] % block:
            raise unusable(self._path, say("wan.weights.gguf.sizes", tensor=entry.name, kind=kind))
        end = start + count // block * block_bytes
        if end > self._size:
            raise unusable(
                self._path,
                say(
                    "wan.weights.gguf.incomplete",
                    part=in_part(self._size, end),
                    tensor=entry.name,
                ),
                say("wan.weights.download"),
            )
        return GGUFTensor(kind, shape, start, end - start)

    def _name(self) -> str:
        """That of a value or of a tensor."""
        length = self._u64()
        if not 0 < length <= MAX_NAME:
            raise unusable(self._path, say("wan.weights.gguf.name_length", size=length))
        try:
            name = self._take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise unusable(self._path, say("wan.weights.gguf.name_form")) from error
        if not name.isprintable():
            raise unusable(self._path, say("wan.weights.gguf.name_characters"))
        return name

    def _u32(self) -> int:
        return int.from_bytes(self._take(4), "little")

    def _u64(self) -> int:
        return int.from_bytes(self._take(8), "little")

    def _take(self, length: int) -> bytes:
        self._require(length)
        data = self._file.read(length)
        self._at += length
        return data

    def _skip(self, length: int) -> None:
        self._require(length)
        self._file.seek(length, os.SEEK_CUR)
        self._at += length

    def _require(self, length: int) -> None:
        if self._at + length > self._there:
            raise unusable(
                self._path,
                say("wan.weights.gguf.incomplete_header", size=self._there),
                say("wan.weights.download"),
            )


@cache
def _blocks() -> dict[int, tuple[str, int, int]]:
    """By the number of a type: its name, how many numbers a block has, and how many bytes."""
    from gguf.constants import GGML_QUANT_SIZES

    return {int(kind): (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()}
