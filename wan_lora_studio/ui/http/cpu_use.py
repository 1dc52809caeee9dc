"""CPU use: of the machine, of the page's process and of its workers, in percent of the machine.

Measured from one look to the next that is at least a second later; looks between them get the
last numbers. What a worker used before it ended counts until then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

import psutil

LEAST_SECONDS = 1.0
FIRST_SECONDS = 0.1  # enough for numbers of the first look, which are better than none


@dataclass(frozen=True)
class CpuUse:
    """Percent of all cores together: 100 is a machine with nothing left to give."""

    machine: float = 0.0
    page: float = 0.0
    workers: float = 0.0
    cores: int = 1

    def to_dict(self) -> dict[str, float | int]:
        return asdict(self)


@dataclass(frozen=True)
class _Look:
    """Seconds since some time in the past: of the clock, and of CPU by who used them."""

    at: float
    busy: float
    whole: float
    page: float
    workers: dict[tuple[int, float], float]  # by process id and start


class CpuMeter:
    """May be read from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._process = psutil.Process()
        self._cores = psutil.cpu_count() or 1
        self._last = self._look()
        self._use: CpuUse | None = None

    def read(self) -> CpuUse:
        with self._lock:
            least = FIRST_SECONDS if self._use is None else LEAST_SECONDS
            if self._clock() - self._last.at >= least:
                now = self._look()
                self._use, self._last = self._between(self._last, now), now
            return self._use or CpuUse(cores=self._cores)

    def seconds(self) -> tuple[float, float]:
        """CPU seconds since they started, of the page's process and of the workers there are."""
        look = self._look()
        return look.page, sum(look.workers.values())

    def _look(self) -> _Look:
        times = psutil.cpu_times()
        # What guests use is in the user's time already.
        whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        workers = {}
        for child in self._process.children(recursive=True):
            with suppress(psutil.Error):  # it may end at any moment
                workers[child.pid, child.create_time()] = _seconds(child)
        return _Look(self._clock(), whole - idle, whole, _seconds(self._process), workers)

    def _between(self, before: _Look, now: _Look) -> CpuUse:
        whole = now.whole - before.whole
        available = (now.at - before.at) * self._cores
        spent = sum(used - before.workers.get(who, 0.0) for who, used in now.workers.items())
        return CpuUse(
            _percent(now.busy - before.busy, whole),
            _percent(now.page - before.page, available),
            _percent(spent, available),
            self._cores,
        )


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _percent(part: float, whole: float) -> float:
    return round(min(100.0, max(0.0, 100.0 * part / whole)), 1) if whole > 0 else 0.0
