"""Library lock: the file that keeps the changes of other processes away."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.storage import folder_gone
from wan_lora_studio.texts import say

NAME = ".lock"
WAIT_SECONDS = 20.0


class LibraryLock:
    """Taken for one change; not again by whoever has it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Raises OSError if somebody else has it, or it cannot be made."""
        lock = FileLock(self._root / NAME, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise BlockingIOError(errno.EAGAIN, say("lora.library.being_changed")) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Raises LoRAError if it is not to be had."""
        lock = FileLock(self._root / NAME, timeout=WAIT_SECONDS)
        if not self._root.is_dir():  # FileLock would make a folder that is gone
            raise folder_gone(self._root)
        try:
            lock.acquire()
        except (Timeout, OSError) as error:
            raise LoRAError(
                say("lora.library.locked"),
                suggestions=[say("lora.library.try_again")],
            ) from error
        try:
            yield
        finally:
            lock.release()
