"""The system refusing this process memory or disk, for a while: by its own limits, no stand-ins."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def full_memory(room: int) -> Iterator[None]:
    """No more than `room` bytes of address space beyond what is in use."""
    with _limit(resource.RLIMIT_AS, psutil.Process().memory_info().vms + room):
        yield


@contextmanager
def full_disk(largest: int) -> Iterator[None]:
    """No file may become larger than so many bytes. The error is another one than a full disk's
    (EFBIG rather than ENOSPC), and comes at the same call."""
    with _limit(resource.RLIMIT_FSIZE, largest):
        yield


@contextmanager
def _limit(kind: int, value: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))
