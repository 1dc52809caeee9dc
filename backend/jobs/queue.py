"""The queue as the page uses it: submit, cancel, look. Imports no torch."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any

from backend.jobs.board import Board
from backend.jobs.checking import checked
from backend.jobs.expansion import expand
from backend.jobs.inputs import drop_picture, pin_picture
from backend.jobs.instances import Instances
from backend.jobs.job import Job, Part
from backend.jobs.runner import GENERATION_RUNNER
from backend.jobs.store import JobStore
from backend.jobs.supervisor import Supervisor
from backend.settings import Settings
from backend.wan.manager import LoRAManager
from backend.wan.task import GenerationTask


class JobQueue:
    """Jobs on disk and one worker process that runs them, oldest first.

    Every method may be called from any thread. Several queues, in one process or in many, may
    share `settings.data_dir`; each job is run by one of them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        loras: LoRAManager | None = None,
        runner: str = GENERATION_RUNNER,
    ) -> None:
        """`loras` is the library, opened here if it is not given; `runner` the `module:Class`
        that the worker builds (see `runner.Runner`)."""
        self._settings, self._runner = settings, runner
        self._loras = LoRAManager(settings) if loras is None else loras
        self._store = JobStore(settings.data_dir / "jobs.sqlite")
        self._instances = Instances(settings.data_dir / "instances")
        self._board = Board()
        self._supervisor: Supervisor | None = None
        self._life = threading.Lock()
        self._counter = _RevisionCounter()

    def start(self) -> None:
        """Start the worker. Jobs that a dead instance left running become interrupted."""
        with self._life:
            if self._supervisor is None:
                self._instances.join()
                self._supervisor = Supervisor(
                    self._settings, self._store, self._instances, self._board, self._runner
                )
                self._supervisor.start()

    def stop(self) -> None:
        """End the worker. The job that it was running becomes interrupted; others stay queued."""
        with self._life:
            if self._supervisor is not None:
                self._supervisor.stop()
                self._supervisor = None
                self._instances.leave()

    def close(self) -> None:
        """Stop, and let go of the files. The queue cannot be used afterwards."""
        self.stop()
        self._store.close()

    def submit(self, task: GenerationTask, *, parts: Sequence[Part] = (), priority: int = 0) -> Job:
        """Check the task, fix its seed, keep its picture, and put it in the queue.

        With `parts` it is a batch: one video for each, the task with the part's changes. Their
        results are kept as they come, whatever becomes of the others. A higher `priority` runs
        first. A task whose id is already in the queue, as when one is run again, gets a new id.
        Raises GenerationError that lists everything that is wrong; then nothing is kept.
        """
        if self._store.get(task.id) is not None:
            task = dataclasses.replace(task, id=uuid.uuid4().hex)
        own, made = expand(task, parts, lambda each: checked(each, self._loras))
        pinned = pin_picture(own, self._settings.data_dir / "inputs")
        made = tuple(
            dataclasses.replace(part, task=dataclasses.replace(part.task, image=pinned.image))
            for part in made
        )
        try:
            job = self._store.add(pinned, made, priority=priority)
        except BaseException:
            drop_picture(pinned)
            raise
        self._wake()
        return job

    def cancel(self, job_id: str) -> bool:
        """Cancel a queued or running job. False if it is neither.

        A running job stops within one step; its worker is replaced if it doesn't.
        """
        found = self._store.cancel(job_id)
        self._wake()
        return found

    def get(self, job_id: str) -> Job | None:
        job = self._store.get(job_id)
        return None if job is None else self._live(job)

    def result(self, result_id: str) -> dict[str, Any] | None:
        """The result with this id: a job's own, or that of a part; None if there is none yet."""
        job = self._store.get(result_id)
        if job is not None:
            return job.result
        batch = self._store.with_part(result_id)
        parts = () if batch is None else batch.parts
        return next((part.result for part in parts if part.id == result_id), None)

    def jobs(self, limit: int = 20) -> list[Job]:
        """The newest first."""
        return [self._live(job) for job in self._store.list(limit)]

    def preview(self, job_id: str) -> bytes | None:
        """The newest preview picture (JPEG) of the job that runs, or ran last, here."""
        return self._board.preview(job_id)

    def load_model(self, model_type: str) -> None:
        """Load a model when the worker is idle. Raises SettingsError if there is no such model."""
        self._settings.model(model_type)
        if self._supervisor is not None:
            self._supervisor.prefer(model_type)

    def status(self) -> dict[str, Any]:
        """Worker, current job and queue; `rev` is another number whenever any of it changed."""
        queued = self._store.in_state("queued")
        shown = self._current(queued)
        status = {
            "worker": self._board.worker.to_dict(),
            "job": None if shown is None else self._live(shown).to_dict(),
            "queue": [job.summary() for job in queued],
        }
        return {"rev": self._counter.number(status), **status}

    def _current(self, queued: list[Job]) -> Job | None:
        """The running job (this instance's first), else the next, else the newest."""
        running = self._store.in_state("running")
        running.sort(key=lambda job: self._board.progress(job.id) is None)
        found = [*running, *queued] or self._store.list(1)
        return found[0] if found else None

    def _live(self, job: Job) -> Job:
        """The job with progress from memory, which is newer than that on disk."""
        progress = self._board.progress(job.id) if job.state == "running" else None
        return job if progress is None else dataclasses.replace(job, progress=progress)

    def _wake(self) -> None:
        if self._supervisor is not None:
            self._supervisor.wake()


class _RevisionCounter:
    """A number for a value: the same while the value is, a larger one when it changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = ""
        # Begins at the clock, so that a page which outlives a restart sees a new number.
        self._number = time.time_ns() // 1_000_000

    def number(self, value: dict[str, Any]) -> int:
        text = json.dumps(value, sort_keys=True, default=str)
        with self._lock:
            if text != self._last:
                self._number, self._last = self._number + 1, text
            return self._number
