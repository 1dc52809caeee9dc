"""Worker keeper: starts one worker process, and starts it again, ever later, when it dies."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from wan_lora_studio.jobs.protocol import Command, Report
from wan_lora_studio.jobs.status import Board
from wan_lora_studio.jobs.worker import WorkerProcess
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

logger = logging.getLogger(__name__)

STOP_SECONDS = 5.0
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0
FAILURES_TO_SHOW = 3


class WorkerKeeper:
    """Never has two workers: the next one starts after the `ended` of the last."""

    def __init__(
        self, settings: Settings, runner: str, board: Board, deliver: Callable[[Report], None]
    ) -> None:
        self._settings, self._runner = settings, runner
        self._board, self._deliver = board, deliver
        self._worker: WorkerProcess | None = None
        self._failures = 0
        self._start_at = 0.0
        self._trouble = ""

    def ensure(self) -> None:
        """Start a worker if there is none and it is time."""
        if self._worker is not None or time.monotonic() < self._start_at:
            return
        if self._board.worker.state != "failed":
            self._board.show(state="restarting" if self._failures else "starting")
        try:
            self._worker = WorkerProcess(self._settings, self._runner, self._deliver)
        except OSError as error:
            self.ended(say("jobs.worker.not_started", reason=error))

    def send(self, command: Command) -> bool:
        return self._worker is not None and self._worker.send(command)

    def kill(self) -> None:
        if self._worker is not None:
            self._worker.kill()

    def worked(self) -> None:
        """It did something useful: the next start need not wait."""
        self._failures = 0

    def note_trouble(self, message: str) -> None:
        """Why the worker is about to end, in its own words."""
        self._trouble = message

    def ended(self, reason: str, *, wanted: bool = False) -> None:
        """The worker is gone. If that was wanted, the next one starts at once."""
        logger.warning("Worker ended: %s", reason)
        self._worker = None
        self._board.tally = self._board.tally.with_restart()
        delay = 0.0
        if not wanted:
            delay = min(FIRST_BACKOFF_SECONDS * 2**self._failures, LONGEST_BACKOFF_SECONDS)
            self._failures += 1
        self._start_at = time.monotonic() + delay
        self._board.show(
            state="failed" if self._failures >= FAILURES_TO_SHOW else "restarting",
            detail=self._trouble or f"Restarting: {reason}.",
            model=None,
            loras={},
        )
        self._trouble = ""

    def stop(self, *, patient: bool) -> None:
        """End the worker and wait for its last report; kill it if it lingers."""
        worker = self._worker
        if worker is None:
            return
        worker.send(Command("stop"))
        if not patient or not worker.join(STOP_SECONDS):
            worker.kill()
            worker.join(STOP_SECONDS)
        self._worker = None
