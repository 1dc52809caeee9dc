"""What happens when a thread opens a file: by Python's audit events, so nothing is replaced."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


class _Watch:
    """Calls `act` in the thread that opens a file with `part` in its name, before it is open."""

    def __init__(self) -> None:
        self.part = ""
        self.act: Callable[[], None] | None = None
        self.thread: threading.Thread | None = None

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        act = self.act
        if event != "open" or act is None or threading.current_thread() is not self.thread:
            return
        path = arguments[0]
        if isinstance(path, str | bytes) and self.part in Path(os.fsdecode(path)).name:
            act()


@cache
def _watch() -> _Watch:
    """One for the whole run: a hook cannot be taken away again."""
    watch = _Watch()
    sys.addaudithook(watch)
    return watch


@contextmanager
def opening(part: str, act: Callable[[], None], *, by: threading.Thread) -> Iterator[None]:
    """Inside, `act` is called whenever that thread opens such a file."""
    watch = _watch()
    watch.part, watch.thread, watch.act = part, by, act
    try:
        yield
    finally:
        watch.act = watch.thread = None
