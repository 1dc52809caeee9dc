"""Reading tensor values: single numbers, and a streaming check of a whole file."""

from __future__ import annotations

import math
import os
import struct
from array import array
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

from backend.errors import LoRAFileError
from backend.lora.finite import all_finite, any_nonzero
from backend.lora.header import Header, TensorEntry, open_regular

CHUNK_BYTES = 4 * 1024 * 1024
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
    any_value = False
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        for entry in sorted(header.tensors.values(), key=lambda item: item.start):
            nonzero = _scan(file, entry, path.name)
            any_value = any_value or (nonzero and not entry.key.endswith("alpha"))
    if not any_value:
        raise LoRAFileError(
            f"{path.name}: all weights are zero, so this LoRA would change nothing.",
            context={"file": path.name},
        )


def _scan(file: Any, entry: TensorEntry, name: str) -> bool:
    """Check one tensor; True if it holds anything but zeros."""
    nonzero = False
    file.seek(entry.start)
    remaining = entry.end - entry.start
    while remaining:
        raw = _read_exactly(file, min(CHUNK_BYTES, remaining), name)
        remaining -= len(raw)
        if not all_finite(raw, entry.dtype, 0, len(raw)):
            raise LoRAFileError(
                f"{name}: tensor {entry.key!r} holds values that are not finite (NaN or infinity).",
                suggestions=["Use an earlier checkpoint: this training run broke down."],
                context={"file": name, "tensor": entry.key},
            )
        nonzero = nonzero or any_nonzero(raw, entry.dtype)
    return nonzero


def _read_exactly(file: Any, size: int, name: str) -> bytes:
    parts = []
    while size:
        raw: bytes = file.read(size)
        if not raw:
            raise LoRAFileError(f"{name}: the file became shorter while it was read.")
        parts.append(raw)
        size -= len(raw)
    return b"".join(parts)
