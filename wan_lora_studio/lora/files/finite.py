"""Finding NaN and infinity by bit pattern: no conversion, one pass at memory speed.

Within one sign, floating-point patterns are ordered like integers, and those that are not finite
come last. So the largest pattern, read once as signed and once as unsigned, decides for all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from wan_lora_studio.lora.files.header import TensorEntry

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
