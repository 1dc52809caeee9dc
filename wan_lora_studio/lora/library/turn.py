"""Turn: who may bring the library's memory up to date, one thread at a time.

A look waits for another look. It never waits for a change, which may copy a large file or be the
last of several: whoever asks then is answered from what is known.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """Held by one thread, which may take it again while it has it."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._owner: int | None = None
        self._times = 0
        self._is_changing = False

    @property
    def is_for_my_change(self) -> bool:
        """Whether the thread that asks has it for a change."""
        return self._is_changing and self._owner == threading.get_ident()

    @contextmanager
    def for_change(self) -> Iterator[None]:
        """Wait until nobody else has it; looks do not wait for it meanwhile."""
        self._take(changing=True, patient=True)
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def for_refresh(self) -> Iterator[None]:
        """Wait until nobody else has it, a change included."""
        self._take(changing=False, patient=True)
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def for_look(self) -> Iterator[bool]:
        """Whether it could be taken: False, at once, while another thread changes something."""
        mine = self._take(changing=False, patient=False)
        try:
            yield mine
        finally:
            if mine:
                self._give_back()

    def _take(self, *, changing: bool, patient: bool) -> bool:
        me = threading.get_ident()
        with self._free:
            while self._owner not in (None, me):
                if self._is_changing and not patient:
                    return False
                self._free.wait()
            if self._owner is None:
                self._owner, self._is_changing = me, changing
            self._times += 1
        return True

    def _give_back(self) -> None:
        with self._free:
            self._times -= 1
            if not self._times:
                self._owner, self._is_changing = None, False
                self._free.notify_all()
