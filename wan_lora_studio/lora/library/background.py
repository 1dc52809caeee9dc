"""One thread for what need not be waited for: it starts when woken and ends when all is done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from wan_lora_studio.errors import StudioError

logger = logging.getLogger(__name__)


class Background:
    """Runs `work` in a daemon thread, at most one at a time."""

    def __init__(self, work: Callable[[Background], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()
        self._progress: tuple[str, int, int] | None = None

    @property
    def is_running(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def progress(self) -> dict[str, Any] | None:
        """`stage`, `done` and `total`; None when nothing is being done."""
        now = self._progress
        if now is None or not self.is_running:
            return None
        return dict(zip(("stage", "done", "total"), now, strict=True))

    def wake(self) -> None:
        """Start the work unless it is being done already."""
        with self._lock:
            if self.is_running:
                return
            self._cancelled.clear()
            self._thread = threading.Thread(target=self._run, name="lora-library", daemon=True)
            self._thread.start()

    def report(self, stage: str, done: int, total: int) -> None:
        """Called by the work: how far it is."""
        self._progress = stage, done, total

    def pause(self, seconds: float) -> None:
        """Called by the work, to leave the processor to others; ends early when cancelled."""
        self._cancelled.wait(seconds)

    def cancel(self) -> None:
        """Stop the work and wait until it has stopped."""
        self._cancelled.set()
        self.join()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the work is done; False if it was not within `timeout` seconds."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        return not self.is_running

    def _run(self) -> None:
        try:
            self._work(self)
        except (StudioError, OSError) as error:
            logger.warning("The library could not be refreshed: %s", error)
        except Exception:
            # What is looked through is the disk of others; the next look tries again.
            logger.exception("The library could not be refreshed")
        finally:
            self._progress = None
