"""Arranging jobs that are not running: edit, move, retry, delete."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from wan_lora_studio.grid import NamedGrid
from wan_lora_studio.jobs.job import RETRYABLE_STATES, JobPart, JobState, waiting_progress
from wan_lora_studio.jobs.store.rows import (
    IN_ORDER,
    grid_text,
    insert_parts,
    pins_text,
    text,
)
from wan_lora_studio.jobs.store.store import LAST_PLACE, JobStore
from wan_lora_studio.lora.index import Pins
from wan_lora_studio.wan.task import GenerationTask

WAITING = "id = ? AND state = 'queued'"
UNBEGUN = "NOT EXISTS (SELECT 1 FROM parts WHERE job_id = jobs.id AND parts.state <> 'queued')"
RETRYABLE = ", ".join(f"'{state}'" for state in RETRYABLE_STATES)


class ArrangedStore(JobStore):
    """A store whose waiting and finished jobs can be changed. False: it is not one of these."""

    def replace(
        self,
        task: GenerationTask,
        parts: Sequence[JobPart],
        *,
        pins: Pins,
        priority: int,
        grid: NamedGrid | None = None,
    ) -> bool:
        """Give a waiting job, of which nothing has begun, another task and other parts; it keeps
        its id and its place."""
        with self._database.writing() as connection:
            changed = _give_task(
                connection, task, pins, priority, f"{WAITING} AND {UNBEGUN}", grid=grid
            )
            if changed:
                connection.execute("DELETE FROM parts WHERE job_id = ?", (task.id,))
                insert_parts(connection, task.id, parts)
            return changed

    def amend(
        self,
        task: GenerationTask,
        parts: Sequence[JobPart],
        *,
        pins: Pins,
        priority: int,
        grid: NamedGrid | None = None,
    ) -> bool:
        """Give a waiting job another task. Of its parts, those that `parts` has by their ids
        become what they are there, unless they have begun by now; the others stay."""
        with self._database.writing() as connection:
            changed = _give_task(connection, task, pins, priority, WAITING, grid=grid)
            if changed:
                connection.executemany(
                    f"UPDATE parts SET label = ?, changes = ?, task = ? WHERE {WAITING}",
                    [
                        (part.label, text(part.changes), text(part.task.to_dict()), part.id)
                        for part in parts
                    ],
                )
            return changed

    def retry(self, job_id: str) -> bool:
        """Put an ended job at the end of the queue; of a batch, what is not done is run."""
        with self._database.writing() as connection:
            changed = connection.execute(
                f"UPDATE jobs SET state = 'queued', place = {LAST_PLACE}, error = NULL,"
                " started = NULL, finished = NULL, cancel_requested = 0, progress = ?"
                f" WHERE id = ? AND state IN ({RETRYABLE})",
                (text(waiting_progress()), job_id),
            ).rowcount
            if changed:
                connection.execute(
                    "UPDATE parts SET state = 'queued', error = NULL, started = NULL,"
                    " finished = NULL WHERE job_id = ? AND state <> 'done'",
                    (job_id,),
                )
            return changed > 0

    def move(self, job_id: str, position: int) -> bool:
        """Put a waiting job at a position from 1; its priority becomes what belongs there."""
        with self._database.writing() as connection:
            rows = connection.execute(
                "SELECT id, CAST(priority AS INTEGER) AS priority FROM jobs"
                f" WHERE state = 'queued' AND typeof(id) = 'text' {IN_ORDER}"
            ).fetchall()
            order = [(str(row["id"]), int(row["priority"])) for row in rows]
            found = [entry for entry in order if entry[0] == job_id]
            if not found:
                return False
            order.remove(found[0])
            index = max(0, min(position - 1, len(order)))
            above = [priority for _, priority in order[:index]]
            below = [priority for _, priority in order[index:]]
            priority = min([max([found[0][1], *below[:1]]), *above[-1:]])
            order.insert(index, (job_id, priority))
            connection.executemany(
                "UPDATE jobs SET place = ?, priority = ? WHERE id = ?",
                [(place, rank, each) for place, (each, rank) in enumerate(order, 1)],
            )
            return True

    def delete(self, job_id: str) -> bool:
        """Forget a job that does not run. The videos it made stay."""
        return self._delete("id = ? AND state <> 'running'", job_id) > 0

    def delete_in(self, states: Sequence[JobState]) -> int:
        """Forget all jobs in these states, but none that runs; how many that were."""
        marks = ", ".join("?" * len(states))
        return self._delete(f"state IN ({marks}) AND state <> 'running'", *states)

    def set_paused(self, paused: bool) -> None:
        """A paused queue begins nothing. It stays so through restarts, for all instances."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM marks WHERE name = 'paused'")
            if paused:
                connection.execute("INSERT INTO marks VALUES ('paused', ?)", (str(time.time()),))

    def _delete(self, condition: str, *values: object) -> int:
        with self._database.writing() as connection:
            return connection.execute(f"DELETE FROM jobs WHERE {condition}", values).rowcount


def _give_task(
    connection: sqlite3.Connection,
    task: GenerationTask,
    pins: Pins,
    priority: int,
    condition: str,
    *,
    grid: NamedGrid | None,
) -> bool:
    """Within a transaction, give the job with the task's id that task if it is as `condition`
    says."""
    changed = connection.execute(
        f"UPDATE jobs SET task = ?, pins = ?, priority = ?, grid = ? WHERE {condition}",
        (text(task.to_dict()), pins_text(pins), priority, grid_text(grid), task.id),
    )
    return changed.rowcount > 0
