"""CPU use of the machine, the page's process and its workers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from wan_lora_studio.ui.http.cpu_use import LEAST_SECONDS, CpuMeter

WORKED = 0.05  # seconds of CPU, more than the coarsest clock counts at once


class SetClock:
    """A clock that goes on only when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def child() -> Iterator[psutil.Process]:
    """A process of ours that keeps a core busy, as a worker does."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def work(process: psutil.Process) -> None:
    """Be busy until the process has been so for a while."""
    end = sum(process.cpu_times()[:2]) + WORKED
    while sum(process.cpu_times()[:2]) < end:
        sum(range(10_000))


def test_what_is_used_is_found_where_it_is_used(clock: SetClock, child: psutil.Process) -> None:
    meter = CpuMeter(clock)
    work(child)
    work(psutil.Process())
    clock.now += LEAST_SECONDS
    use = meter.read()
    assert use.cores == psutil.cpu_count()
    shares = use.to_dict()
    assert all(0 < shares[name] <= 100 for name in ("machine", "page", "workers")), shares
    assert min(meter.seconds()) >= WORKED


def test_looks_in_quick_succession_get_the_same_numbers(clock: SetClock) -> None:
    meter = CpuMeter(clock)
    work(psutil.Process())
    clock.now += LEAST_SECONDS
    first = meter.read()
    work(psutil.Process())
    assert meter.read() == first
    clock.now += LEAST_SECONDS
    assert meter.read() is not first


def test_a_worker_that_ended_counts_no_more(clock: SetClock, child: psutil.Process) -> None:
    meter = CpuMeter(clock)
    work(child)
    child.kill()
    child.wait()
    clock.now += LEAST_SECONDS
    assert meter.read().workers == 0
