"""Progress: how many bytes have arrived, how fast, and how long the rest will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 15.0  # seconds that the speed is of
APART = 0.2  # seconds between two moments that are kept


class Progress:
    """Bytes of `total`; those in `done` at the start count for no speed."""

    def __init__(
        self, total: int, done: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self.done = done
        self._clock = clock
        self._moments: deque[tuple[float, int]] = deque([(clock(), done)])

    def add(self, count: int) -> None:
        """Below 0 where bytes were thrown away."""
        self.done += count
        now = self._clock()
        if now - self._moments[-1][0] >= APART:
            self._moments.append((now, self.done))
            while now - self._moments[0][0] > WINDOW:
                self._moments.popleft()

    @property
    def speed(self) -> float:
        """Bytes per second, lately; 0 where nothing can be said yet."""
        began, before = self._moments[0]
        seconds = self._clock() - began
        return max((self.done - before) / seconds, 0.0) if seconds >= APART else 0.0

    @property
    def seconds_left(self) -> float | None:
        speed = self.speed
        return (self.total - self.done) / speed if speed > 0 else None
