"""Supervisor: the thread that hands a worker one job after another and notes how they end."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from wan_lora_studio.errors import StorageError
from wan_lora_studio.jobs.job import JobState
from wan_lora_studio.jobs.protocol import Command, Report
from wan_lora_studio.jobs.status import Board
from wan_lora_studio.jobs.store import JobStore
from wan_lora_studio.jobs.supervisor.current_job import Run
from wan_lora_studio.jobs.supervisor.instances import Instances
from wan_lora_studio.jobs.supervisor.outcomes import batch_outcome, unexpected
from wan_lora_studio.jobs.supervisor.recovery import Recovery
from wan_lora_studio.jobs.supervisor.run_clock import RunClock
from wan_lora_studio.jobs.supervisor.stage_times import STAGES, StageTimes
from wan_lora_studio.jobs.supervisor.worker_keeper import WorkerKeeper
from wan_lora_studio.logs import logged_job
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25
RECOVERY_SECONDS = 5.0
SAVE_SECONDS = 1.0
COUNT_SECONDS = 1.0  # between two times left that are told while the worker reports nothing
ENDINGS: dict[str, JobState] = {"done": "done", "failed": "failed", "cancelled": "cancelled"}


class Supervisor:
    """Works in a thread of its own; other threads only `wake`, `prefer` and `stop` it.

    A report stays in hand until what it says is on disk: a full disk delays a result, it does
    not lose it.
    """

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        instances: Instances,
        board: Board,
        runner: str,
        *,
        on_end: Callable[[], None] = lambda: None,
        on_video: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_end` is called after each job's end, `on_video` after each video of a batch."""
        self._settings, self._store = settings, store
        self._instances, self._board = instances, board
        self._recovery = Recovery(store, settings.outputs_dir)
        self._on_end, self._on_video = on_end, on_video
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._keeper = WorkerKeeper(settings, runner, board, self._reports.put)
        self._wanted: str | None = settings.default_model
        self._idle = False
        self._expected: tuple[str, ...] | None = None
        self._preloaded: tuple[str, ...] = ()
        self._run: Run | None = None
        self._times = StageTimes(store.done_lately)
        self._loading: tuple[str, float] | None = None  # a model that is loaded, and since when
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

    def expect(self, loras: tuple[str, ...]) -> None:
        """Have those LoRAs read as soon as nothing else is to be done."""
        if loras != self._preloaded:
            self._expected = loras
            self.wake()

    def ask_to_stop(self) -> None:
        """End the worker. A job that it has is marked interrupted; `join` waits for all that."""
        self._stopping.set()
        self.wake()

    def join(self) -> None:
        self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _work(self) -> None:
        in_hand: Report | None = None
        while not self._stopping.is_set():
            try:
                in_hand = in_hand or self._next_report()
                if in_hand is not None:
                    self._take_in_hand(in_hand)
                in_hand = None
                self._go_on()
            except (StorageError, sqlite3.Error, OSError) as error:
                logger.exception("The job queue cannot go on for now")
                self._pause(say("jobs.queue.not_writable", reason=_words(error)))
            except Exception as error:
                # A boundary: nothing ends this thread, which alone hands out jobs.
                logger.exception("The job queue met something unexpected")
                self._pause(say("jobs.queue.goes_on", reason=_words(error)))
        try:
            self._shut_down(in_hand)
        except Exception:
            # The same boundary: what is left is put in order at the next start.
            logger.exception("The last state could not all be written")

    def _go_on(self) -> None:
        self._recover()
        self._keeper.ensure()
        self._watch_cancel()
        self._count_down()
        self._give_work()
        if self._board.worker.trouble:
            self._board.show(trouble="", detail="")

    def _pause(self, words: str) -> None:
        self._board.show(detail=words, trouble=words)
        self._stopping.wait(SAVE_SECONDS)

    def _take_in_hand(self, report: Report) -> None:
        """Take a report; one that cannot be taken, for another reason than the disk, ends the
        run that it is about."""
        with logged_job(self._run.job.id if self._run else ""):
            try:
                self._take(report)
            except (StorageError, sqlite3.Error, OSError):
                raise
            except Exception as error:
                # A boundary, so that one run's report does not hold up the queue.
                logger.exception("A worker's report could not be taken")
                self._give_up(report, error)

    def _give_up(self, report: Report, error: Exception) -> None:
        run = self._run
        if run is not None:
            failure = unexpected(error).to_dict()
            self._store.finish(run.job.id, self._owner, "failed", error=failure)
            self._run = None
            self._on_end()
        if report.kind == "ended":
            self._idle = False
            self._keeper.ended(report.data.get("reason", ""))
        elif report.kind in ENDINGS or run is None:
            self._become_idle()
        else:
            self._keeper.kill()  # it is still at work for a run that nobody waits for

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
            self._run.pace.begin()
            if self._run.clock is not None:
                self._run.clock.begin()
        elif report.kind in ENDINGS:
            self._video_ended(report)
        elif report.kind in ("started", "loaded", "load_failed"):
            self._note_load(report.kind)
            self._become_idle(report.data.get("message", ""))
        elif report.kind == "broken":
            self._keeper.note_trouble(" ".join((report.data["message"], report.data["cause"])))

    def _become_idle(self, detail: str = "") -> None:
        self._idle = True
        self._board.show(state="ready", detail=detail)

    def _progress(self, report: Report) -> None:
        run = self._run
        if run is None or run.job.id != report.job_id:
            return
        if run.clock is not None:
            run.clock.take(report.data)
        self._board.advance(run.job.id, run.told(report.data), report.preview)
        if time.monotonic() - run.saved >= SAVE_SECONDS:
            self._save_progress(run)

    def _count_down(self) -> None:
        """Decoding may go on for minutes with no word of the worker: the time left goes on."""
        run = self._run
        if run is None or not run.begun or time.monotonic() - run.shown < COUNT_SECONDS:
            return
        progress = self._board.progress(run.job.id)
        if progress is not None and progress.get("stage") in STAGES:
            self._board.advance(run.job.id, run.told(progress), None)

    def _note_load(self, kind: str) -> None:
        if self._loading is not None and kind == "loaded":
            model_type, since = self._loading
            self._times.note_load(model_type, time.monotonic() - since)
        self._loading = None

    def _save_progress(self, run: Run) -> None:
        """What other instances see, and what stays after this one; not worth a sync per step."""
        progress = self._board.progress(run.job.id)
        if progress is not None:
            self._store.save_progress(run.job.id, self._owner, progress)
        run.saved = time.monotonic()

    def _video_ended(self, report: Report) -> None:
        outcome: dict[str, Any] = {
            "result": report.data if report.kind == "done" else None,
            "error": report.data if report.kind == "failed" else None,
        }
        run, state = self._run, ENDINGS[report.kind]
        timings = report.data.get("timings", {}) if report.kind == "done" else {}
        if run is not None and timings:
            self._times.note(run.task, timings)
        if run is None or run.part is None:
            self._finish(state, **outcome)
        else:
            self._save_progress(run)
            self._store.finish_part(run.part.id, self._owner, state, **outcome)
            if state == "done":
                run.pace.end(run.part)
                self._on_video()
            run.part, run.working = None, False
        self._board.tally = self._board.tally.with_video(state, timings)
        self._keeper.worked()
        self._become_idle()

    def _worker_ended(self, reason: str) -> None:
        run = self._run
        cancelled = run is not None and self._store.cancel_requested(run.job.id)
        if run is not None and run.working:
            if not run.begun:
                self._put_back(run)
            self._finish_unfinished(reason)
        self._idle = False
        self._preloaded = ()  # what a new worker has not read
        self._keeper.ended(reason, wanted=cancelled)

    @property
    def _owner(self) -> str:
        return self._instances.id

    # The queue's jobs

    def _give_work(self) -> None:
        if not self._idle:
            return
        if self._run is None:
            self._claim()
        if self._run is not None and self._run.job.parts:
            self._next_part(self._run)
        if self._run is not None:
            self._send(self._run)
        elif self._wanted is not None:
            # Forgotten once asked for: a model whose loading kills the worker is not tried twice.
            wanted, self._wanted = self._wanted, None
            if wanted != self._board.worker.model:
                self._load(wanted)
        elif self._expected is not None:
            # The worker stays idle: a run that comes meanwhile uses what is being read.
            self._preloaded, self._expected = self._expected, None
            self._keeper.send(Command("preload", loras=self._preloaded))

    def _claim(self) -> None:
        job = self._store.claim(self._owner)
        if job is not None:
            self._run = Run(job, self._store.pins(job.id))
            self._board.begin(job)
            with logged_job(job.id):
                logger.info("begun")

    def _next_part(self, run: Run) -> None:
        """Begin the next part, unless the job is over or has to wait."""
        if self._settle(run):
            return
        if self._store.paused or self._store.outranked(run.job.id):
            self._put_back(run)
        if self._run is not None:
            run.part = self._store.begin_part(run.job.id, self._owner)

    def _settle(self, run: Run) -> bool:
        """End a batch that has no part to begin any more."""
        if self._store.cancel_requested(run.job.id):
            self._finish("cancelled")
            return True
        job = self._store.get(run.job.id)
        if job is not None and any(part.state == "queued" for part in job.parts):
            return False
        self._finish(*batch_outcome(job))
        return True

    def _put_back(self, run: Run) -> None:
        if self._store.release(run.job.id, self._owner):
            self._run = None

    def _send(self, run: Run) -> None:
        self._idle, run.working, run.begun = False, True, False
        self._board.show(state="busy", detail="")
        task = run.task
        loaded = self._board.worker.model == task.model_type
        run.clock = RunClock(task, self._times.expected(task, loaded=loaded))
        pins = {name: run.pins[name].to_dict() for name in task.selected_loras if name in run.pins}
        self._keeper.send(Command("run", run.job.id, task=task.to_dict(), pins=pins))

    def _load(self, model_type: str) -> None:
        self._idle = False
        self._loading = (model_type, time.monotonic())
        title = self._settings.model(model_type).title
        self._board.show(state="loading", detail=f"Loading {title}")
        self._keeper.send(Command("load", model_type=model_type))

    def _watch_cancel(self) -> None:
        run = self._run
        if run is None or not run.working:
            return
        if run.cancel_deadline is None:
            if self._store.cancel_requested(run.job.id):
                self._keeper.send(Command("cancel", run.job.id))
                run.cancel_deadline = time.monotonic() + self._settings.cancel_grace_seconds
        elif time.monotonic() >= run.cancel_deadline:
            self._keeper.kill()

    def _finish(
        self,
        state: JobState,
        error: dict[str, Any] | None = None,
        result: dict[str, Any] | None = None,
    ) -> None:
        run = self._run
        if run is None:
            return
        self._save_progress(run)
        with logged_job(run.job.id):
            if self._store.finish(run.job.id, self._owner, state, result=result, error=error):
                logger.info("%s", state)
            else:
                logger.warning("taken from this instance before it ended")
        self._run = None
        self._on_end()

    def _finish_unfinished(self, reason: str) -> None:
        run = self._run
        if run is not None:
            self._save_progress(run)
            self._recovery.close(run.job.id, self._owner, reason)
            self._run = None
            self._on_end()

    def _recover(self) -> None:
        """Look for jobs of dead instances now and then."""
        if time.monotonic() >= self._recover_at:
            self._recover_at = time.monotonic() + RECOVERY_SECONDS
            self._recovery.free_the_dead(self._instances)

    def _shut_down(self, in_hand: Report | None) -> None:
        """Stop the worker, taking the result that it may still have; nothing is left running."""
        run = self._run
        if run is not None and run.working:
            self._keeper.send(Command("cancel", run.job.id))
        self._keeper.stop(patient=self._idle or run is not None)
        last_words = [in_hand]
        while not self._reports.empty():
            last_words.append(self._reports.get())
        for report in last_words:
            if report is not None and report.kind in ("done", "failed"):
                self._video_ended(report)
        run = self._run
        if run is not None and not run.working and not self._settle(run):
            self._put_back(run)  # between two parts nothing is lost
        self._finish_unfinished(say("jobs.outcome.app_closed"))
        self._board.show(state="stopped", detail="", model=None, loras={}, memory={})


def _words(error: Exception) -> str:
    if isinstance(error, StorageError):
        return " ".join((error.message, error.cause, *error.suggestions))
    return f"{error}."
