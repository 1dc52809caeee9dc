"""Stands for a system clock that is set while the app runs, as a time server or a person does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

DAY = 24 * 3600.0


@contextmanager
def clock_moved(seconds: float) -> Iterator[None]:
    """`time.time` of this process is so much later; `time.monotonic` goes on, as it does then."""
    real = time.time
    time.time = lambda: real() + seconds
    try:
        yield
    finally:
        time.time = real
