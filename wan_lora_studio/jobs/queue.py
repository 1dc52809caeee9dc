"""Queue, as the page uses it: submit, cancel, look. Imports no torch."""

from __future__ import annotations

import dataclasses
import logging
import re
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import GenerationError, StorageError, StudioError
from wan_lora_studio.grid import Grid
from wan_lora_studio.jobs.job import FINISHED_STATES, Job, JobState, Part
from wan_lora_studio.jobs.previews import PreviewKeeper
from wan_lora_studio.jobs.status import RevisionCounter, Tally
from wan_lora_studio.jobs.store import ArrangedStore
from wan_lora_studio.jobs.submission import (
    GridPlan,
    Preparation,
    Prepared,
    estimate,
    has_begun,
    no_such_job,
    not_now,
    parts_again,
    written,
)
from wan_lora_studio.jobs.supervisor import PastTimes, WorkerPool
from wan_lora_studio.jobs.worker import GENERATION_RUNNER
from wan_lora_studio.logs import logged_job
from wan_lora_studio.settings import Settings
from wan_lora_studio.storage_faults import full_disk
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.memory import Forecast
from wan_lora_studio.wan.task import GenerationTask

logger = logging.getLogger(__name__)

TASK_ID = re.compile("[0-9a-f]{32}")

MOST_PRELOADED = 64


class JobQueue:
    """Jobs on disk and the worker processes that run them, oldest first.

    Every method may be called from any thread. Several queues, in one process or in many, may
    share `settings.data_dir`; each job is run by one of them. A change that the disk refuses
    raises GenerationError and changes nothing.
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
        self._settings = settings
        self._loras = LoRAManager(settings) if loras is None else loras
        self._store = ArrangedStore(settings.data_dir / "jobs.sqlite")
        self._preparation = Preparation(settings, self._loras)
        self._times = PastTimes(self._store)
        self._previews = PreviewKeeper(settings, self._store, self._loras)
        self._pool = WorkerPool(
            settings, self._store, runner, on_end=self._ended, on_video=self._previews.wake
        )
        self._counter = RevisionCounter()
        self._loras.follow_worker(self._held_loras)

    def _held_loras(self) -> dict[str, Any]:
        """What the workers hold of the library's LoRAs, by name."""
        return {name: held for each in self._pool.statuses() for name, held in each.loras.items()}

    def start(self) -> None:
        """Start the workers. Jobs that a dead instance left running become interrupted."""
        self._sweep()
        self._previews.start()
        self._pool.start()

    def stop(self) -> None:
        """End the workers. A job that one was running becomes interrupted; others stay queued."""
        self._pool.stop()
        self._previews.stop()

    def close(self) -> None:
        """Stop, and let go of the files. The queue cannot be used afterwards."""
        self.stop()
        self._store.close()

    @written
    def submit(
        self,
        task: GenerationTask,
        *,
        parts: Sequence[Part] = (),
        grid: Grid | None = None,
        priority: int = 0,
    ) -> Job:
        """Check the task, fix its seed, keep its picture, and put it in the queue.

        With `parts` it is a batch: one video for each, the task with the part's changes. Their
        results are kept as they come, whatever becomes of the others. With a `grid` in place of
        parts, its cells are the parts, row by row. A higher `priority` runs first. A task whose id
        is in the queue already, as when one is run again, or is none that a task is given by
        itself, gets a new id.
        Raises GenerationError that lists everything that is wrong; then nothing is kept.
        """
        with self._preparation.holding():
            if not TASK_ID.fullmatch(str(task.id)) or self._store.knows(task.id):
                task = dataclasses.replace(task, id=uuid.uuid4().hex)
            if grid is None:
                made = self._preparation.prepare(task, parts)
            else:
                made = self._preparation.prepare_grid(task, grid)
            self._require_room(made)
            job = self._store.add(
                made.task, made.parts, priority=priority, pins=made.pins, grid=made.grid
            )
        with logged_job(job.id):
            logger.info("queued")
        self._wake()
        return job

    @written
    def edit(
        self,
        job_id: str,
        changes: Mapping[str, Any],
        *,
        parts: Sequence[Part] | None = None,
        priority: int | None = None,
    ) -> Job:
        """Change fields of a waiting job's task; `parts` and `priority` None stay as they are.

        Of a batch that has begun, only the parts that still wait are changed, and it can be given
        no others. The cells of a grid are made anew; with `parts` it is a grid no more. Raises
        GenerationError as `submit` does, or if the job does not wait; nothing is changed then.
        LoRAs that the job held already stay what they were when it was submitted.
        """
        with self._preparation.holding():
            job = self._require(job_id)
            task = GenerationTask.from_dict({**job.task.to_dict(), **changes, "id": job_id})
            held = self._store.pins(job_id)
            rank = job.priority if priority is None else priority
            if parts is None:
                made, change = self._preparation.again(job, task, held), self._store.amend
            else:
                made, change = self._preparation.prepare(task, parts, held), self._store.replace
            changed = change(made.task, made.parts, pins=made.pins, priority=rank, grid=made.grid)
        if not changed:
            raise self._not_edited(job_id)
        self._wake()
        return self._require(job_id)

    @written
    def duplicate(self, job_id: str, *, new_seed: bool = False) -> Job:
        """Queue the job again as another one, with the files that it still holds.

        Raises GenerationError if there is no such job, a LoRAError for a LoRA that is gone.
        """
        with self._preparation.holding():
            job = self._require(job_id)
            seed = None if new_seed else job.task.seed
            task = dataclasses.replace(job.task, id=uuid.uuid4().hex, seed=seed)
            made = self._preparation.prepare(task, parts_again(job.parts), self._store.pins(job_id))
            self._require_room(made)
            copy = self._store.add(
                made.task, made.parts, priority=job.priority, pins=made.pins, grid=job.grid
            )
        self._wake()
        return copy

    @written
    def retry(self, job_id: str) -> Job:
        """Queue a failed, cancelled or interrupted job again; finished parts are kept.

        Raises GenerationError for any other.
        """
        if not self._store.retry(job_id):
            hint = say("jobs.queue.duplicate")
            raise not_now(self._require(job_id), say("jobs.refusal.retry"), hint)
        self._wake()
        return self._require(job_id)

    @written
    def move(self, job_id: str, position: int) -> Job:
        """Put a waiting job at a position of the queue, from 1. Raises GenerationError."""
        if not self._store.move(job_id, position):
            raise not_now(
                self._require(job_id), say("jobs.refusal.move"), say("jobs.queue.only_waiting")
            )
        return self._require(job_id)

    @written
    def delete(self, job_id: str) -> None:
        """Forget a job; the videos that it made stay. Raises GenerationError if it runs."""
        if not self._store.delete(job_id):
            raise not_now(
                self._require(job_id), say("jobs.refusal.delete"), say("jobs.queue.cancel_first")
            )
        self._sweep()

    @written
    def clear(self, states: Sequence[JobState] = FINISHED_STATES) -> int:
        """Forget all jobs in these states, except one that runs; how many that were."""
        count = self._store.delete_in(states)
        self._sweep()
        return count

    @written
    def pause(self) -> None:
        """Begin nothing more, also after a restart. What runs goes on; a batch to its next part."""
        self._store.set_paused(True)

    @written
    def resume(self) -> None:
        self._store.set_paused(False)
        self._wake()

    @written
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

    def doubts(self, job: Job) -> list[str]:
        """For which of a job's LoRAs someone has to say the expert; a sentence each."""
        tasks = [part.task for part in job.parts] or [job.task]
        return list(dict.fromkeys(text for task in tasks for text in self._loras.doubts(task)))

    def estimate(self, fields: Mapping[str, Any]) -> Forecast | None:
        """What a run with these fields of a task would need; see `estimate.estimate`."""
        return estimate(fields, self._settings, self._loras, self._pool.status())

    def plan(self, task: GenerationTask, grid: Grid) -> GridPlan:
        """What a grid would make and how long that takes, by the times of earlier runs. Queues
        nothing."""
        plan = self._preparation.plan(task, grid)
        loaded = any(worker.model == task.model_type for worker in self._pool.statuses())
        tasks = [part.task for part in plan.parts]
        return dataclasses.replace(plan, seconds=self._times.seconds(tasks, loaded=loaded))

    def preload(self, fields: Mapping[str, Any]) -> None:
        """Have the LoRAs in these fields of a task read, so that a run need not wait for that."""
        selected = fields.get("selected_loras")
        if isinstance(selected, Mapping):
            there = self._loras.list_available_loras()
            names = sorted(name for name in selected if name in there)
            self._pool.expect(tuple(names[:MOST_PRELOADED]))

    def result(self, result_id: str) -> dict[str, Any] | None:
        """The result with this id: a job's own, or that of a part; None if there is none yet."""
        job = self._store.get(result_id)
        if job is not None:
            return job.result
        batch = self._store.with_part(result_id)
        parts = () if batch is None else batch.parts
        return next((part.result for part in parts if part.id == result_id), None)

    def batches_of(self, result_ids: Sequence[str]) -> dict[str, str]:
        """By the ids of results, the ids of the batches that they belong to, if they do."""
        return self._store.batches_of(result_ids)

    def jobs(self, limit: int = 20) -> list[Job]:
        """The newest first."""
        return [self._live(job) for job in self._store.newest(limit)]

    def revision(self) -> int:
        """Another number after every change but progress, whoever made it."""
        return self._store.revision()

    def pictures(self) -> set[str]:
        """The hashes of the input pictures that jobs hold."""
        return {Path(place).stem for place in self._store.held()[0]}

    def preview(self, job_id: str) -> bytes | None:
        """The newest preview picture (JPEG) of the job that runs, or ran last, here."""
        return self._pool.preview(job_id)

    def load_model(self, model_type: str) -> None:
        """Load a model when the worker is idle. Raises SettingsError if there is no such model."""
        self._settings.model(model_type)
        self._pool.prefer(model_type)

    def status(self) -> dict[str, Any]:
        """Workers, current job and queue; `rev` is another number whenever any of it changed.

        `worker` is the foremost of `workers`; `job` the one to show in the first place; `running`
        and `queue` are summaries. `jobs_rev` is another number whenever the list of jobs changed.
        `problems` say why jobs cannot be taken or handed out.
        """
        open_jobs = self._store.in_state("running", "queued")
        running = [self._live(job) for job in open_jobs if job.state == "running"]
        queued = [job for job in open_jobs if job.state == "queued"]
        shown = self._shown(running, queued)
        status = {
            "worker": self._pool.status().to_dict(),
            "workers": [worker.to_dict() for worker in self._pool.statuses()],
            "job": None if shown is None else shown.to_dict(),
            "running": [{**job.summary(), "progress": job.progress} for job in running],
            "queue": [job.summary() for job in queued],
            "paused": self._store.paused,
            "jobs_rev": self._store.revision(),
            "problems": self.problems(),
        }
        return {"rev": self._counter.number(status), **status}

    def _shown(self, running: list[Job], queued: list[Job]) -> Job | None:
        """The running job (this instance's first), else the next, else the newest."""
        running = sorted(running, key=lambda job: self._pool.progress(job.id) is None)
        found = [*running, *queued] or self._store.newest(1)
        return found[0] if found else None

    def problems(self) -> list[str]:
        """Why jobs cannot be taken or handed out, in words; empty if they can."""
        found = self._pool.problems()
        try:
            self._store.revision()
        except (sqlite3.Error, StorageError) as error:
            found.append(say("jobs.queue.not_readable", reason=error))
        fault = self._store.fault or full_disk(self._settings.data_dir / "jobs.sqlite")
        if fault is not None:
            found.append(say("jobs.queue.fault", cause=fault.cause, suggestion=fault.suggestion))
        return list(dict.fromkeys(found))

    def health(self) -> bool:
        """Whether jobs can be taken and handed out."""
        return not self.problems()

    def counts(self) -> dict[str, int]:
        """How many jobs the queue holds, by state."""
        return self._store.counts()

    def tallies(self) -> list[Tally]:
        """What each worker has done since the start."""
        return self._pool.tallies()

    def _live(self, job: Job) -> Job:
        """The job with progress from memory, which is newer than that on disk."""
        progress = self._pool.progress(job.id) if job.state == "running" else None
        return job if progress is None else dataclasses.replace(job, progress=progress)

    def _not_edited(self, job_id: str) -> StudioError:
        job = self._require(job_id)
        if job.state == "queued":
            return has_begun(job)
        return not_now(job, say("jobs.refusal.edit"), say("jobs.queue.edit_copy"))

    def _require_room(self, made: Prepared) -> None:
        """Raises GenerationError if too many videos would wait."""
        count, most = self._store.waiting() + max(1, len(made.parts)), self._settings.max_waiting
        if count > most:
            raise GenerationError(
                say("jobs.queue.full", count=count, most=most),
                suggestions=[say("jobs.queue.later")],
                context={"status": 429},
            )

    def _require(self, job_id: str) -> Job:
        job = self.get(job_id)
        if job is None:
            raise no_such_job(job_id)
        return job

    def _ended(self) -> None:
        self._previews.wake()
        self._sweep()

    def _sweep(self) -> None:
        """Holding an input for too long does no harm; losing a job's end would."""
        try:
            self._preparation.sweep(self._store)
        except Exception:
            # A boundary: whatever a row or a file raises here, jobs go on and the app starts.
            logger.warning(
                "Inputs that are not needed any more could not be removed", exc_info=True
            )

    def _wake(self) -> None:
        self._pool.wake()
