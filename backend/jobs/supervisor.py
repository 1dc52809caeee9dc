"""The thread between queue and worker: it hands over one job after another and notes the ends."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import Any

from backend.errors import GenerationError, StudioError
from backend.jobs.board import Board
from backend.jobs.instances import Instances
from backend.jobs.job import Job, JobState
from backend.jobs.keeper import WorkerKeeper
from backend.jobs.messages import Command, Report
from backend.jobs.store import JobStore
from backend.settings import Settings

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25
RECOVERY_SECONDS = 5.0
SAVE_SECONDS = 1.0
ENDINGS: dict[str, JobState] = {"done": "done", "failed": "failed", "cancelled": "cancelled"}


@dataclass
class Run:
    """The job that the worker has. `begun` once the worker said so."""

    job: Job
    begun: bool = False
    cancel_deadline: float | None = None
    saved: float = 0.0


class Supervisor:
    """Works in a thread of its own; other threads only `wake`, `prefer` and `stop` it.

    A report stays in hand until what it says is on disk: a full disk delays a result, it does
    not lose it.
    """

    def __init__(
        self, settings: Settings, store: JobStore, instances: Instances, board: Board, runner: str
    ) -> None:
        self._settings, self._store = settings, store
        self._instances, self._board = instances, board
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._keeper = WorkerKeeper(settings, runner, board, self._reports.put)
        self._wanted: str | None = settings.default_model
        self._idle = False
        self._run: Run | None = None
        self._recover_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="job-supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue now rather than at the next tick."""
        self._reports.put(None)

    def prefer(self, model_type: str) -> None:
        """Load that model as soon as nothing else is to be done."""
        self._wanted = model_type
        self.wake()

    def stop(self) -> None:
        """End the worker and wait for it. A job that it has is marked interrupted."""
        self._stopping.set()
        self.wake()
        self._thread.join()

    def _work(self) -> None:
        in_hand: Report | None = None
        while not self._stopping.is_set():
            try:
                in_hand = in_hand or self._next_report()
                if in_hand is not None:
                    self._take(in_hand)
                in_hand = None
                self._recover()
                self._keeper.ensure()
                self._watch_cancel()
                self._give_work()
            except (sqlite3.Error, OSError) as error:
                logger.exception("The job queue cannot go on for now")
                self._board.show(detail=f"The job queue cannot be written: {error}")
                self._stopping.wait(SAVE_SECONDS)
        self._shut_down(in_hand)

    def _next_report(self) -> Report | None:
        try:
            return self._reports.get(timeout=TICK_SECONDS)
        except queue.Empty:
            return None

    # What the worker says

    def _take(self, report: Report) -> None:
        if report.runner is not None:
            self._board.show(**report.runner)
        if report.kind == "ended":
            self._worker_ended(report.data["reason"])
        elif report.kind == "progress":
            self._progress(report)
        elif report.kind == "accepted" and self._run is not None:
            self._run.begun = True
        elif report.kind in ENDINGS:
            self._job_ended(report)
        elif report.kind in ("started", "loaded", "load_failed"):
            self._become_idle(report.data.get("message", ""))
        elif report.kind == "broken":
            self._keeper.note_trouble(report.data["message"])

    def _become_idle(self, detail: str = "") -> None:
        self._idle = True
        self._board.show(state="ready", detail=detail)

    def _progress(self, report: Report) -> None:
        run = self._run
        if run is None or run.job.id != report.job_id:
            return
        self._board.advance(run.job.id, report.data, report.preview)
        if time.monotonic() - run.saved >= SAVE_SECONDS:
            self._save_progress(run)

    def _save_progress(self, run: Run) -> None:
        """What other instances see, and what stays after this one; not worth a sync per step."""
        progress = self._board.progress(run.job.id)
        if progress is not None:
            self._store.save_progress(run.job.id, self._instances.id, progress)
        run.saved = time.monotonic()

    def _job_ended(self, report: Report) -> None:
        self._finish(
            ENDINGS[report.kind],
            result=report.data if report.kind == "done" else None,
            error=report.data if report.kind == "failed" else None,
        )
        self._keeper.worked()
        self._become_idle()

    def _worker_ended(self, reason: str) -> None:
        run = self._run
        cancelled = run is not None and self._store.cancel_requested(run.job.id)
        if run is not None and not run.begun:
            released = self._store.release(run.job.id, self._instances.id)
            self._run = None if released else run
        self._finish_unfinished(reason)
        self._idle = False
        self._keeper.ended(reason, wanted=cancelled)

    # The queue's jobs

    def _give_work(self) -> None:
        job = self._store.claim(self._instances.id) if self._idle else None
        if job is not None:
            self._run, self._idle = Run(job), False
            self._board.begin(job)
            self._board.show(state="busy", detail="")
            self._keeper.send(Command("run", job.id, task=job.task.to_dict()))
        elif self._idle:
            # Forgotten once asked for: a model whose loading kills the worker is not tried twice.
            wanted, self._wanted = self._wanted, None
            if wanted is not None and wanted != self._board.worker.model:
                self._load(wanted)

    def _load(self, model_type: str) -> None:
        self._idle = False
        title = self._settings.model(model_type).title
        self._board.show(state="loading", detail=f"Loading {title}")
        self._keeper.send(Command("load", model_type=model_type))

    def _watch_cancel(self) -> None:
        run = self._run
        if run is None:
            return
        if run.cancel_deadline is None:
            if self._store.cancel_requested(run.job.id):
                self._keeper.send(Command("cancel", run.job.id))
                run.cancel_deadline = time.monotonic() + self._settings.cancel_grace_seconds
        elif time.monotonic() >= run.cancel_deadline:
            self._keeper.kill()

    def _finish(self, state: JobState, **outcome: Any) -> None:
        run = self._run
        if run is None:
            return
        self._save_progress(run)
        if not self._store.finish(run.job.id, self._instances.id, state, **outcome):
            logger.warning("Job %s was taken from this instance before it ended", run.job.id)
        self._run = None

    def _finish_unfinished(self, reason: str) -> None:
        if self._run is None:
            return
        if self._store.cancel_requested(self._run.job.id):
            self._finish("cancelled")
        else:
            self._finish("interrupted", error=_interrupted(reason).to_dict())

    def _recover(self) -> None:
        """Free the jobs of instances that died; those of living ones are left alone."""
        if time.monotonic() < self._recover_at:
            return
        self._recover_at = time.monotonic() + RECOVERY_SECONDS
        for owner in self._store.owners():
            if not self._instances.alive(owner):
                reason = "the app ended while it ran"
                self._store.interrupt(owner, _interrupted(reason).to_dict())

    def _shut_down(self, in_hand: Report | None) -> None:
        """Stop the worker, taking the result that it may still have; nothing is left running."""
        run = self._run
        if run is not None:
            self._keeper.send(Command("cancel", run.job.id))
        self._keeper.stop(patient=self._idle or run is not None)
        last_words = [in_hand]
        while not self._reports.empty():
            last_words.append(self._reports.get())
        for report in last_words:
            if report is not None and report.kind in ("done", "failed"):
                self._job_ended(report)
        self._finish_unfinished("the app was closed")
        self._board.show(state="stopped", detail="", model=None, loras={}, memory={})


def _interrupted(reason: str) -> StudioError:
    return GenerationError(
        f"The video was not finished: {reason}.",
        suggestions=[
            "Run it again: the seed is kept, so the video will be the same.",
            "If it happens again, use fewer frames or a smaller size.",
        ],
        context={"reason": reason},
    )
