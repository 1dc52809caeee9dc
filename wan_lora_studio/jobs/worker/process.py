"""Process handle: one worker as the queue's side sees it."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from wan_lora_studio.jobs.protocol import Command, Report
from wan_lora_studio.jobs.worker.main import worker_main
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

EXIT_SECONDS = 10.0
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows knows one way to end a process


class WorkerProcess:
    """A spawned worker. Its reports go to `deliver`, the last of them always `ended`.

    A thread of its own reads the pipe, so that a worker which stops in the middle of a message
    holds up nobody who could kill it.
    """

    def __init__(self, settings: Settings, runner: str, deliver: Callable[[Report], None]) -> None:
        """Raises OSError if the system cannot start a process."""
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._deliver = deliver
        self._killed = False
        self._process = context.Process(
            target=worker_main, args=(theirs, settings, runner), name="worker", daemon=True
        )
        try:
            self._process.start()
        except OSError:
            self._connection.close()
            raise
        finally:
            theirs.close()  # ours to close, or its end would never be seen
        self._reader = threading.Thread(
            target=self._read, args=(self._connection,), name="worker-reports", daemon=True
        )
        self._reader.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def send(self, command: Command) -> bool:
        """False if the worker is gone; `ended` follows, or is on its way."""
        try:
            self._connection.send(command)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        self._killed = True
        self._process.kill()

    def join(self, seconds: float) -> bool:
        """Wait for the process to end and its last report to be delivered."""
        self._reader.join(seconds)
        return not self._reader.is_alive()

    def _read(self, connection: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._deliver(connection.recv())
        self._process.join(EXIT_SECONDS)
        if self._process.exitcode is None:  # it closed its end, yet lives on
            self.kill()
            self._process.join()
        connection.close()
        self._deliver(
            Report("ended", data={"reason": _reason(self._process.exitcode, self._killed)})
        )


def _reason(exit_code: int | None, killed: bool) -> str:
    """Why the process ended. `killed`: by us, which is no sign of anything else."""
    if killed and exit_code == -KILL:
        return say("jobs.worker.too_slow")
    if exit_code is None or exit_code >= 0:
        return say("jobs.worker.ended", code=exit_code)
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    if name == "SIGKILL":
        return say("jobs.worker.killed", signal=name)
    return say("jobs.worker.ended_by", signal=name)
