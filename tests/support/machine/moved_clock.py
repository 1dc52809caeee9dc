"""Clocks that a test moves: the system's, as a person or a time server does, and a library's."""

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


class LaterClock:
    """A library's clock; `pass_time` stands for waiting."""

    def __init__(self) -> None:
        self._later = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._later

    def pass_time(self, seconds: float = 3600.0) -> None:
        self._later += seconds
