"""Turns: one use of a pipeline after the other, in whichever threads its steps are made.

A host's event may be a generator, whose parts Gradio runs in one thread or another. So a turn
belongs to no thread: it lasts until its context is left.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from wan_lora_studio.errors import InUseError
from wan_lora_studio.texts import say


class Turns:
    """Turns at things, of which each has one holder at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: weakref.WeakKeyDictionary[Any, threading.Lock] = weakref.WeakKeyDictionary()
        self._mine: ContextVar[frozenset[int]] = ContextVar("turns", default=frozenset())

    @contextmanager
    def taken(self, things: Sequence[Any], wait: bool | float) -> Iterator[None]:
        """Hold all of them, at once or when their holders are done with them.

        Raises InUseError at once with `wait=False`, after so many seconds with a number, and
        if the call that asks already holds one of them.
        """
        locks = self._locks_of(things)
        mine = self._mine.get()
        if mine & {id(lock) for lock in locks}:
            raise _nested()
        deadline = None if wait is True else time.monotonic() + float(wait)
        with ExitStack() as held:
            for lock in locks:
                _acquire(lock, deadline)
                held.callback(lock.release)
            token = self._mine.set(mine | {id(lock) for lock in locks})
            try:
                yield
            finally:
                with suppress(ValueError):  # a generator may be left in another context
                    self._mine.reset(token)

    def _locks_of(self, things: Sequence[Any]) -> list[threading.Lock]:
        """In one order for all, so that no two wait for one another."""
        with self._lock:
            found = {
                id(thing): self._things.setdefault(thing, threading.Lock()) for thing in things
            }
        return [found[key] for key in sorted(found)]


def _acquire(lock: threading.Lock, deadline: float | None) -> None:
    if lock.acquire(blocking=False):
        return
    if _holds_up_an_event_loop():
        raise _in_event_loop()
    left = -1.0 if deadline is None else max(0.0, deadline - time.monotonic())
    if not lock.acquire(timeout=left):
        raise InUseError(say("lora_ui.turns.busy"))


def _holds_up_an_event_loop() -> bool:
    """Whether waiting here would hold up an event loop, and with it the owner that runs there."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_event_loop() -> InUseError:
    return InUseError(
        say("lora_ui.turns.in_loop"),
        cause=say("lora_ui.turns.in_loop_cause"),
        suggestions=[say("lora_ui.turns.use_thread")],
    )


def _nested() -> InUseError:
    return InUseError(
        say("lora_ui.turns.nested"),
        cause=say("lora_ui.turns.nested_cause"),
        suggestions=[say("lora_ui.turns.together")],
    )
