"""Recovery: ending the jobs of workers and instances that are gone."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from wan_lora_studio.errors import StorageError
from wan_lora_studio.jobs.store import JobStore
from wan_lora_studio.jobs.supervisor.instances import Instances
from wan_lora_studio.jobs.supervisor.leftovers import sweep_partials, sweep_task, whole_result
from wan_lora_studio.jobs.supervisor.outcomes import batch_outcome, interrupted, unexpected
from wan_lora_studio.texts import say

logger = logging.getLogger(__name__)


class Recovery:
    """A job that was running ends as what it is: done if its video is whole, or interrupted."""

    def __init__(self, store: JobStore, outputs: Path) -> None:
        self._store, self._outputs = store, outputs

    def close(self, job_id: str, owner: str, reason: str) -> bool:
        """End `owner`'s job, whose process is gone. False if it is not the owner's any more."""
        job = self._store.get(job_id)
        if job is None or job.state != "running":
            return False
        part = next((part for part in job.parts if part.state == "running"), None)
        task = job.task if part is None else part.task
        result = whole_result(self._outputs, task.id)
        sweep_task(self._outputs, task.id)
        if result is not None and not job.parts:
            return self._store.finish(job_id, owner, "done", result=result)
        if result is not None and part is not None:
            self._store.finish_part(part.id, owner, "done", result=result)
        if self._store.cancel_requested(job_id):
            return self._store.finish(job_id, owner, "cancelled")
        job = self._store.get(job_id)
        if job is not None and job.parts and all(p.state in ("done", "failed") for p in job.parts):
            state, error = batch_outcome(job)
            return self._store.finish(job_id, owner, state, error=error)
        error = interrupted(reason).to_dict()
        return self._store.finish(job_id, owner, "interrupted", error=error)

    def free_the_dead(self, instances: Instances) -> None:
        """End the jobs of instances that died; those of living ones are left alone."""
        for owner in self._store.owners():
            if not instances.alive(owner):
                for job in self._store.owned(owner):
                    self._free(job.id, owner)

    def _free(self, job_id: str, owner: str) -> None:
        try:
            self.close(job_id, owner, say("jobs.outcome.app_ended"))
        except (sqlite3.Error, OSError, StorageError):
            raise
        except Exception as error:
            # A boundary: whatever one job's leftovers raise, the app starts and the others end.
            logger.exception("What job %s left cannot be read", job_id)
            failure = unexpected(error).to_dict()
            self._store.finish(job_id, owner, "interrupted", error=failure)

    def sweep(self) -> None:
        """Remove the pieces of videos that nobody is writing, in any instance."""
        known = self._store.task_ids()
        running = [
            task_id
            for job in self._store.in_state("running")
            for task_id in (job.id, *(part.id for part in job.parts))
        ]
        sweep_partials(self._outputs, known, running)
