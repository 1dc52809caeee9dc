"""Main loop of the worker process, which owns the model and runs one job after another.

It may be killed at any moment. It writes nothing of its own: the queue's process keeps the
jobs, and `generate_video` puts a video in place only when it is whole.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from wan_lora_studio.errors import CancelledByUser, StudioError, VRAMError, released
from wan_lora_studio.jobs.protocol import Command, Report
from wan_lora_studio.jobs.worker.runner import GENERATION_RUNNER, Runner, make_runner
from wan_lora_studio.logs import logged_job, start_logging
from wan_lora_studio.lora.index import PinnedLoRA
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.task import GenerationTask, Progress

logger = logging.getLogger(__name__)

R = TypeVar("R")


def worker_main(
    connection: Connection, settings: Settings, runner: str = GENERATION_RUNNER
) -> None:
    """Take commands from `connection` and answer with reports, until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the app, which then stops us
    start_logging(settings, "worker")
    line = Line(connection)
    made = attempt(lambda: make_runner(runner, settings))
    if isinstance(made, StudioError):
        line.send(Report("broken", data=made.to_dict()))
        return
    line.send(Report("started", runner=made.status()))
    while (command := line.next_command()).kind != "stop":
        if command.kind == "load":
            _load(line, made, command)
        elif command.kind == "preload":
            _preload(made, command)
        elif command.kind == "run":
            _run(line, made, command)


class Line:
    """The worker's end of the pipe. A thread reads it, so that a cancel is heard during a run."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._cancelled: frozenset[str] = frozenset()
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def send(self, report: Report) -> None:
        with self._sending:
            self._connection.send(report)

    def next_command(self) -> Command:
        return self._commands.get()

    def cancelled(self, job_id: str) -> bool:
        return job_id in self._cancelled

    def _listen(self) -> None:
        while True:
            try:
                command: Command = self._connection.recv()
            except (EOFError, OSError):
                os._exit(1)  # the app is gone; nobody can use what this process is doing
            if command.kind == "cancel":
                self._cancelled |= {command.job_id}
            else:
                self._cancelled -= {command.job_id}  # a cancelled job may be run again
                self._commands.put(command)


class Reporter:
    """Sends a run's progress; what the runner holds goes along when the stage changes."""

    def __init__(self, line: Line, runner: Runner, job_id: str) -> None:
        self._line, self._runner, self._job_id = line, runner, job_id
        self._stage = ""

    def __call__(self, progress: Progress) -> None:
        changed, self._stage = progress.stage != self._stage, progress.stage
        self._line.send(
            Report(
                "progress",
                self._job_id,
                data=progress.to_dict(),
                preview=progress.preview,
                runner=self._runner.status() if changed else None,
            )
        )


def attempt(action: Callable[[], R]) -> R | StudioError:
    """What `action` returns, or its failure as one of our errors. The worker's event boundary."""
    try:
        return action()
    except StudioError as error:
        failure = error
        logger.warning("%s: %s", type(error).__name__, error.message)
    except MemoryError as error:
        failure = VRAMError(say("jobs.worker.memory"), context=_details(error))
        failure.__cause__ = error
    except Exception as error:
        logger.exception("unforeseen")
        failure = StudioError(
            say("jobs.worker.unforeseen"),
            cause=f"{type(error).__name__}: {error}",
            context=_details(error),
        )
        failure.__cause__ = error
    # Outside the except block, without frames: they would keep tensors alive.
    return released(failure)


def _load(line: Line, runner: Runner, command: Command) -> None:
    failure = attempt(lambda: runner.load(command.model_type))
    if isinstance(failure, StudioError):
        line.send(Report("load_failed", data=failure.to_dict(), runner=runner.status()))
    else:
        line.send(Report("loaded", runner=runner.status()))


def _preload(runner: Runner, command: Command) -> None:
    """Nobody waits for this; what cannot be read is said by the run that needs it."""
    attempt(lambda: runner.preload(command.loras))


def _run(line: Line, runner: Runner, command: Command) -> None:
    with logged_job(command.job_id):
        _run_job(line, runner, command)


def _run_job(line: Line, runner: Runner, command: Command) -> None:
    job_id = command.job_id
    line.send(Report("accepted", job_id))
    outcome = attempt(
        lambda: runner.run(
            GenerationTask.from_dict(command.task),
            Reporter(line, runner, job_id),
            lambda: line.cancelled(job_id),
            {name: PinnedLoRA.from_dict(pin) for name, pin in command.pins.items()},
        ).to_dict()
    )
    if isinstance(outcome, CancelledByUser):
        line.send(Report("cancelled", job_id, runner=runner.status()))
    elif isinstance(outcome, StudioError):
        line.send(Report("failed", job_id, data=outcome.to_dict(), runner=runner.status()))
    else:
        line.send(Report("done", job_id, data=outcome, runner=runner.status()))


def _details(error: BaseException) -> dict[str, Any]:
    return {
        "exception": type(error).__name__,
        "traceback": "".join(traceback.format_exception(error)),
    }
