"""Housekeeping while the app runs: the index, unneeded pictures, copies of our files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from wan_lora_studio.backups import Copies
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.settings import Settings
from wan_lora_studio.ui.forms.input_pictures import PictureStore

logger = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0
INTERVAL_SECONDS = 6 * 3600.0


class Housekeeping:
    """Works in a thread of its own, at the start and a few times a day."""

    def __init__(
        self,
        settings: Settings,
        queue: JobQueue,
        results: ResultLibrary,
        pictures: PictureStore,
        copies: Copies,
    ) -> None:
        self._seconds = settings.picture_days * DAY_SECONDS
        self._queue, self._results, self._pictures = queue, results, pictures
        self._copies = copies
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """It ends by itself; a look at a large folder is not waited for."""
        self._stopping.set()

    def sweep(self) -> None:
        """Remove the pictures that no job and no result needs, once their time is over."""
        if not self._seconds or not self._results.root.is_dir():
            return  # a disk that is not there may hold videos that need them
        before = time.time() - self._seconds
        needed = self._queue.pictures() | self._results.pictures()
        count = self._pictures.sweep(needed, before)
        if count:
            logger.info("%d input pictures removed that nothing needs any more", count)

    def _work(self) -> None:
        # Thousands of new videos take seconds to read; nobody shall wait for that.
        while not self._stopping.is_set():
            self._try(self._results.refresh, "The outputs folder could not be looked through")
            self._try(self.sweep, "What is no longer needed could not be removed")
            self._try(self._copies.make, "Today's copies could not all be made")
            self._stopping.wait(INTERVAL_SECONDS)

    def _try(self, act: Callable[[], object], words: str) -> None:
        try:
            act()
        except Exception:
            # A boundary: what fails now is tried again later, and the thread goes on.
            if not self._stopping.is_set():
                logger.exception(words)
