"""Reading tensor values with numpy: single numbers, and a streaming check of a whole file.

Number formats: IEEE 754 for F16/F32/F64; BF16 is the upper half of an F32; OCP 8-bit floats
(arXiv 2209.05433) for F8: E4M3 has no infinity and NaN 0x7F/0xFF, E5M2 is a short F16.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Container
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from backend.errors import LoRAFileError
from backend.lora.header import Columns, Header, TensorEntry, open_regular

CHUNK_BYTES = 4 * 1024 * 1024
_NUMBERS = {
    "F16": "<e", "F32": "<f", "F64": "<d", "I8": "<b", "U8": "<B", "I16": "<h", "U16": "<H",
    "I32": "<i", "U32": "<I", "I64": "<q", "U64": "<Q",
}  # fmt: skip
# Bit patterns: unsigned type, mask without the sign, first pattern that is not finite.
_PATTERNS = {
    "F16": ("<u2", 0x7FFF, 0x7C00),
    "BF16": ("<u2", 0x7FFF, 0x7F80),
    "F32": ("<u4", 0x7FFFFFFF, 0x7F800000),
    "F64": ("<u8", 0x7FFFFFFFFFFFFFFF, 0x7FF0000000000000),
    "F8_E4M3": ("<u1", 0x7F, 0x7F),
    "F8_E5M2": ("<u1", 0x7F, 0x7C),
}


def read_numbers(file: BinaryIO, columns: Columns, keys: Container[str]) -> set[float]:
    """The values of those of the tensors `keys` that are one number of a known dtype.

    `file` is the whole file of these columns, unbuffered.
    """
    descriptor, pread = file.fileno(), os.pread
    found = {
        (dtype, pread(descriptor, end - start, start))
        for key, dtype, shape, start, end in zip(*columns, strict=True)
        if key in keys and math.prod(shape) == 1
    }
    values = (_number(dtype, raw) for dtype, raw in found)
    return {value for value in values if value is not None}


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
    kind, mask, limit = _PATTERNS.get(entry.dtype, ("<u1", 0xFF, 0x100))
    nonzero = False
    file.seek(entry.start)
    remaining = entry.end - entry.start
    while remaining:
        raw = _read_exactly(file, min(CHUNK_BYTES, remaining), name)
        remaining -= len(raw)
        bits = np.frombuffer(raw, kind) & np.array(mask, dtype=kind)
        largest = int(bits.max())
        if largest >= limit:
            raise LoRAFileError(
                f"{name}: tensor {entry.key!r} holds values that are not finite (NaN or infinity).",
                suggestions=["Use an earlier checkpoint: this training run broke down."],
                context={"file": name, "tensor": entry.key},
            )
        nonzero = nonzero or largest > 0
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
