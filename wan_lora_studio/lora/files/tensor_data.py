"""Tensor data: single numbers, and a check of a whole file for NaN and infinity."""

from __future__ import annotations

import math
import os
import struct
from array import array
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files.header import Header, TensorEntry
from wan_lora_studio.lora.files.opening import open_regular
from wan_lora_studio.texts import say

# dtype -> (bytes, first pattern, without sign, that is not finite). IEEE 754; BF16 is the upper
# half of an F32; OCP 8-bit floats (arXiv 2209.05433): E4M3 has one NaN and no infinity.
FIRST_NON_FINITE = {
    "F8_E4M3": (1, 0x7F),
    "F8_E5M2": (1, 0x7C),
    "F16": (2, 0x7C00),
    "BF16": (2, 0x7F80),
    "F32": (4, 0x7F800000),
    "F64": (8, 0x7FF0000000000000),
}
PIECE_BYTES = 1 << 19  # stays in a core's cache between the two looks at it
SHARE_BYTES = 1 << 25  # of a file, for one of the threads that look at it; a multiple of the piece
READERS = 4  # threads at most: more wait for the memory


CHUNK_BYTES = 4 * 1024 * 1024  # a multiple of every dtype's size
ALONE_BYTES = 64 * 1024 * 1024  # of a file, for each thread that checks it
_NUMBERS = {
    "F16": "<e", "F32": "<f", "F64": "<d", "I8": "<b", "U8": "<B", "I16": "<h", "U16": "<H",
    "I32": "<i", "U32": "<I", "I64": "<q", "U64": "<Q",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NumberPlaces:
    """Where the single numbers of one dtype are: bytes from the start of the data."""

    dtype: str
    size: int
    starts: array[int]


def number_places(header: Header, keys: Container[str]) -> tuple[NumberPlaces, ...]:
    """The places of those of the tensors `keys` that are one number of a known dtype."""
    found: dict[tuple[str, int], array[int]] = {}
    for key, dtype, shape, start, end in zip(*header.columns, strict=True):
        if key in keys and math.prod(shape) == 1:
            starts = found.setdefault((dtype, end - start), array("q"))
            starts.append(start - header.data_start)
    return tuple(NumberPlaces(dtype, size, starts) for (dtype, size), starts in found.items())


def read_numbers(
    file: FileIO, data_start: int, places: Iterable[NumberPlaces]
) -> tuple[float, ...]:
    """The different values at these places, ascending. `file` is the whole file, unbuffered."""
    read_at = _reader(file)
    found = {
        _number(place.dtype, raw)
        for place in places
        for raw in {read_at(place.size, data_start + start) for start in place.starts}
    }
    return tuple(sorted(value for value in found if value is not None))


def _reader(file: FileIO) -> Callable[[int, int], bytes]:
    """Reads so many bytes from an offset; in one call to the system where it has one for that."""
    if hasattr(os, "pread"):
        return partial(os.pread, file.fileno())

    def read_at(size: int, start: int) -> bytes:
        file.seek(start)
        return file.read(size)

    return read_at


def _number(dtype: str, raw: bytes) -> float | None:
    if dtype == "BF16":
        dtype, raw = "F32", b"\0\0" + raw
    form = _NUMBERS.get(dtype)
    return None if form is None else float(struct.unpack(form, raw)[0])


def validate_tensor_data(path: str | Path, header: Header) -> None:
    """Read every tensor once, a few megabytes at a time.

    Raises LoRAFileError that names the first tensor holding NaN or infinity, and for a file
    whose weights (everything but alphas) are all zero.
    """
    path = Path(path)
    entries = sorted(header.tensors.values(), key=lambda item: item.start)
    count = max(1, min(READERS, os.cpu_count() or 1, header.file_size // ALONE_BYTES))
    each = max(1, -(-len(entries) // count))
    shares = [entries[start : start + each] for start in range(0, len(entries), each)]
    with ThreadPoolExecutor(count) as pool:
        found = list(pool.map(partial(_any_weight, path), shares))
    if not any(found):
        raise LoRAFileError(
            say("lora.files.problem", file=path.name, problem=say("lora.files.zero_weights")),
            context={"file": path.name},
        )


def _any_weight(path: Path, entries: Iterable[TensorEntry]) -> bool:
    """Check these tensors; True if a weight among them holds anything but zeros."""
    found = False
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        for entry in entries:
            sought = not found and not entry.key.endswith("alpha")
            for raw in _chunks(file, entry, path.name):
                _require_finite(raw, entry, path.name)
                found = found or (sought and any_nonzero(raw, entry.dtype))
    return found


def _chunks(file: Any, entry: TensorEntry, name: str) -> Iterator[bytes]:
    file.seek(entry.start)
    for start in range(entry.start, entry.end, CHUNK_BYTES):
        yield _read_exactly(file, min(CHUNK_BYTES, entry.end - start), name)


def _require_finite(raw: bytes, entry: TensorEntry, name: str) -> None:
    if not all_finite(raw, entry.dtype, 0, len(raw)):
        problem = say("lora.files.not_finite", tensor=repr(entry.key))
        raise LoRAFileError(
            say("lora.files.problem", file=name, problem=problem),
            suggestions=[say("lora.files.earlier_checkpoint")],
            context={"file": name, "tensor": entry.key},
        )


def _read_exactly(file: Any, size: int, name: str) -> bytes:
    parts = []
    while size:
        raw: bytes = file.read(size)
        if not raw:
            shorter = say("lora.files.became_shorter")
            raise LoRAFileError(say("lora.files.problem", file=name, problem=shorter))
        parts.append(raw)
        size -= len(raw)
    return b"".join(parts)


def all_finite(data: Any, dtype: str, start: int, end: int) -> bool:
    """Whether bytes `start` to `end` of a buffer hold only finite numbers of `dtype`.

    Integers are always finite.
    """
    size, limit = FIRST_NON_FINITE.get(dtype, (0, 0))
    if not size or start == end:
        return True
    negative_limit = limit | 1 << (8 * size - 1)
    for piece in range(start, end, PIECE_BYTES):
        raw = np.frombuffer(data, np.uint8, min(PIECE_BYTES, end - piece), piece)
        # An unaligned view is slow in numpy and copied by it anyway.
        aligned = raw if piece % size == 0 else raw.copy()
        if int(aligned.view(f"<i{size}").max()) >= limit:
            return False
        if int(aligned.view(f"<u{size}").max()) >= negative_limit:
            return False
    return True


def any_nonzero(data: bytes, dtype: str) -> bool:
    """Whether any number is neither 0 nor -0."""
    size, _ = FIRST_NON_FINITE.get(dtype, (1, 0))
    patterns = np.frombuffer(data, f"<u{size}")
    sign = 1 << (8 * size - 1) if dtype in FIRST_NON_FINITE else 0
    return bool(((patterns != 0) & (patterns != sign)).any())


def first_non_finite(data: Any, entries: Iterable[TensorEntry]) -> str | None:
    """The key of the first tensor of a whole file's bytes that holds NaN or infinity."""
    runs = list(_runs(sorted(entries, key=lambda entry: entry.start)))
    shares = [
        (dtype, share, min(share + SHARE_BYTES, end))
        for dtype, start, end, _ in runs
        for share in range(start, end, SHARE_BYTES)
    ]
    count = min(len(shares), READERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(max(1, count)) as pool:
        good = all(pool.map(lambda share: all_finite(data, *share), shares))
    if good:
        return None
    return next(
        entry.key
        for dtype, _, _, run in runs
        for entry in run
        if not all_finite(data, dtype, entry.start, entry.end)
    )


def _runs(entries: list[TensorEntry]) -> Iterator[tuple[str, int, int, list[TensorEntry]]]:
    """Neighbours of one dtype together: (dtype, start, end, entries)."""
    run: list[TensorEntry] = []
    for entry in entries:
        if run and (entry.dtype != run[0].dtype or entry.start != run[-1].end):
            yield run[0].dtype, run[0].start, run[-1].end, run
            run = []
        run.append(entry)
    if run:
        yield run[0].dtype, run[0].start, run[-1].end, run
