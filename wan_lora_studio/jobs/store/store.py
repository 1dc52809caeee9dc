"""Store of the jobs: every change of state is a compare-and-set in one durable transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wan_lora_studio.grid import NamedGrid
from wan_lora_studio.jobs.job import Job, JobPart, JobState, waiting_progress
from wan_lora_studio.jobs.store.rows import (
    IN_ORDER,
    JobRows,
    grid_text,
    insert_parts,
    pins_from,
    pins_text,
    text,
)
from wan_lora_studio.jobs.store.schema import JOBS
from wan_lora_studio.lora.index import NO_PINS, PinnedLoRA, Pins
from wan_lora_studio.sqlite_file import CountedFile
from wan_lora_studio.storage_faults import Fault
from wan_lora_studio.wan.task import GenerationTask

LAST_PLACE = "(SELECT COALESCE(MAX(place), 0) + 1 FROM jobs WHERE state = 'queued')"
FIRST_PLACE = "(SELECT COALESCE(MIN(place), 0) - 1 FROM jobs WHERE state = 'queued')"
FINISHED_NOW = "finished = MAX(?, COALESCE(started, 0))"  # the clock may have been set back
IS_JSON = "typeof(task) = 'text' AND json_valid(task)"
OWNED = "id = ? AND state = 'running' AND owner = ?"


class JobStore:
    """Jobs by id, in the order of the queue. Several instances may share one file.

    A running job has an owner, the id of the instance whose worker runs it; only the owner, or
    an instance that found the owner dead, may move it on.
    """

    def __init__(self, path: Path) -> None:
        self._database = CountedFile(path, JOBS)
        self._rows = JobRows()

    def close(self) -> None:
        self._database.close()

    @property
    def fault(self) -> Fault | None:
        """Why the file cannot be written at the moment, as far as that is known."""
        return self._database.fault

    def revision(self) -> int:
        """Another number after every change but progress, whichever instance made it."""
        return self._database.revision()

    # Looking

    def get(self, job_id: str) -> Job | None:
        found = self._read("WHERE id = ?", job_id)
        return found[0] if found else None

    def newest(self, limit: int = 20) -> list[Job]:
        """The newest first."""
        return self._read("ORDER BY seq DESC LIMIT ?", limit)

    def done_lately(self, limit: int = 20) -> list[Job]:
        """Jobs that made all their videos, the newest first."""
        return self._read("WHERE state='done' ORDER BY finished DESC LIMIT ?", limit)

    def in_state(self, *states: JobState) -> list[Job]:
        """In the order of the queue."""
        marks = ", ".join("?" * len(states))
        return self._read(f"WHERE state IN ({marks}) {IN_ORDER}", *states)

    def task_ids(self) -> list[str]:
        """The ids of all tasks, of jobs and of parts."""
        rows = self._database.rows("SELECT id FROM jobs UNION SELECT id FROM parts")
        return [row["id"] for row in rows if isinstance(row["id"], str)]

    def knows(self, task_id: str) -> bool:
        """Whether a job or a part has this id."""
        query = "SELECT 1 FROM jobs WHERE id = ?1 UNION SELECT 1 FROM parts WHERE id = ?1"
        return bool(self._database.rows(query, task_id))

    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        rows = self._database.rows("SELECT state, COUNT(*) AS jobs FROM jobs GROUP BY state")
        return {row["state"]: row["jobs"] for row in rows if isinstance(row["state"], str)}

    def waiting(self) -> int:
        """Videos that are still to be made: waiting parts, and waiting jobs without parts."""
        rows = self._database.rows(
            "SELECT (SELECT COUNT(*) FROM parts WHERE state='queued')"
            " + (SELECT COUNT(*) FROM jobs WHERE state='queued' AND NOT EXISTS"
            " (SELECT 1 FROM parts WHERE parts.job_id = jobs.id)) AS videos"
        )
        return int(rows[0]["videos"])

    def with_part(self, part_id: str) -> Job | None:
        """The batch that has this part."""
        found = self._read("WHERE id = (SELECT job_id FROM parts WHERE id = ?)", part_id)
        return found[0] if found else None

    def batches_of(self, part_ids: Sequence[str]) -> dict[str, str]:
        """By the ids of parts, the ids of the batches that they belong to."""
        marks = ", ".join("?" * len(part_ids))
        rows = self._database.rows(f"SELECT id, job_id FROM parts WHERE id IN ({marks})", *part_ids)
        return {row["id"]: row["job_id"] for row in rows}

    def owned(self, owner: str) -> list[Job]:
        return self._read("WHERE state = 'running' AND owner = ?", owner)

    def owners(self) -> set[str]:
        """The instances that own running jobs."""
        rows = self._database.rows("SELECT DISTINCT owner FROM jobs WHERE state = 'running'")
        return {row["owner"] for row in rows}

    def cancel_requested(self, job_id: str) -> bool:
        rows = self._database.rows("SELECT cancel_requested FROM jobs WHERE id = ?", job_id)
        return bool(rows and rows[0]["cancel_requested"])

    @property
    def paused(self) -> bool:
        return bool(self._database.rows("SELECT 1 FROM marks WHERE name = 'paused'"))

    def pins(self, job_id: str) -> dict[str, PinnedLoRA]:
        """The LoRA files that the job holds; none once it is done."""
        rows = self._database.rows("SELECT pins FROM jobs WHERE id = ?", job_id)
        return pins_from(rows[0]["pins"]) if rows else {}

    def held(self) -> tuple[set[str], list[Pins]]:
        """Everything that any job holds: paths of pictures, and pins."""
        images = self._database.rows(
            f"SELECT json_extract(task, '$.image') AS image FROM jobs WHERE {IS_JSON}"
            f" UNION SELECT json_extract(task, '$.image') FROM parts WHERE {IS_JSON}"
        )
        pins = self._database.rows("SELECT pins FROM jobs WHERE pins IS NOT NULL")
        return {row["image"] for row in images if row["image"] and isinstance(row["image"], str)}, [
            pins_from(row["pins"]) for row in pins
        ]

    def previews_due(self) -> list[JobPart]:
        """Parts whose videos are to be kept as previews, the oldest first."""
        with self._database.reading() as connection:
            return self._rows.parts(
                connection,
                "WHERE state = 'done' AND preview_of IS NOT NULL AND preview_note IS NULL"
                " ORDER BY finished",
            )

    def note_preview(self, part_id: str, note: str) -> bool:
        """Say what came of a part's preview: "" that it is kept, else why it is not."""
        return self._change(
            "parts", "preview_note = ?", "id = ? AND preview_note IS NULL", (note, part_id)
        )

    def outranked(self, job_id: str) -> bool:
        """Whether a job of a higher priority waits."""
        return bool(
            self._database.rows(
                "SELECT 1 FROM jobs WHERE state = 'queued' AND priority >"
                " (SELECT priority FROM jobs WHERE id = ?) LIMIT 1",
                job_id,
            )
        )

    # The queue

    def add(
        self,
        task: GenerationTask,
        parts: Sequence[JobPart] = (),
        *,
        priority: int = 0,
        pins: Pins = NO_PINS,
        grid: NamedGrid | None = None,
    ) -> Job:
        """Put a task at the end of its priority. Raises sqlite3.IntegrityError for a taken id."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO jobs (id, state, task, progress, created, priority, pins, grid, place)"
                f" VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, {LAST_PLACE})",
                (task.id, text(task.to_dict()), text(waiting_progress()), time.time(), priority,
                 pins_text(pins), grid_text(grid)),
            )  # fmt: skip
            insert_parts(connection, task.id, parts)
            return self._rows.read(connection, "WHERE id = ?", task.id)[0]

    def cancel(self, job_id: str) -> bool:
        """Cancel a queued job, or ask for a running one to be cancelled."""
        with self._database.writing() as connection:
            queued = connection.execute(
                "UPDATE jobs SET state = 'cancelled', finished = ?"
                " WHERE id = ? AND state = 'queued'",
                (time.time(), job_id),
            ).rowcount
            if queued:
                _end_parts(connection, job_id, "cancelled")
                return True
            running = connection.execute(
                "UPDATE jobs SET cancel_requested = 1 WHERE id = ? AND state = 'running'", (job_id,)
            )
            return running.rowcount > 0

    # What the owner says

    def claim(self, owner: str) -> Job | None:
        """Make the next queued job `owner`'s, running; None if there is none, or a pause."""
        if self._next() is None:
            return None  # no write lock just to find the queue empty
        with self._database.writing() as connection:
            job = self._next()
            if job is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = 'running', owner = ?, started = COALESCE(started, ?)"
                " WHERE id = ?",
                (owner, time.time(), job),
            )
            return self._rows.read(connection, "WHERE id = ?", job)[0]

    def release(self, job_id: str, owner: str) -> bool:
        """Put a claimed job back to the front of the queue; the part that had begun as well."""
        with self._database.writing() as connection:
            released = connection.execute(
                f"UPDATE jobs SET state = 'queued', owner = NULL, place = {FIRST_PLACE},"
                " started = CASE WHEN EXISTS (SELECT 1 FROM parts WHERE job_id = jobs.id"
                " AND state NOT IN ('queued', 'running')) THEN started END"
                f" WHERE {OWNED} AND cancel_requested = 0",
                (job_id, owner),
            ).rowcount
            if released:
                connection.execute(
                    "UPDATE parts SET state = 'queued', started = NULL"
                    " WHERE job_id = ? AND state = 'running'",
                    (job_id,),
                )
            return released > 0

    def begin_part(self, job_id: str, owner: str) -> JobPart | None:
        """Make the job's next queued part running; None if there is none, or it is not owned."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE parts SET state = 'running', started = ? WHERE (job_id, number) ="
                " (SELECT job_id, number FROM parts JOIN jobs ON jobs.id = job_id WHERE"
                " jobs.id = ? AND jobs.state = 'running' AND owner = ?"
                " AND parts.state = 'queued' AND typeof(parts.id) = 'text'"
                " ORDER BY number LIMIT 1)",
                (time.time(), job_id, owner),
            )
            found = self._rows.read(connection, f"WHERE {OWNED}", job_id, owner)
        running = [part for job in found for part in job.parts if part.state == "running"]
        return running[0] if running else None

    def finish_part(
        self,
        part_id: str,
        owner: str,
        state: JobState,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> bool:
        """End a running part of a job that `owner` has."""
        return self._change(
            "parts",
            f"state = ?, {FINISHED_NOW}, result = ?, error = ?",
            "id = ? AND state = 'running' AND job_id IN"
            " (SELECT id FROM jobs WHERE state = 'running' AND owner = ?)",
            (state, time.time(), text(result), text(error), part_id, owner),
        )

    def finish(
        self,
        job_id: str,
        owner: str,
        state: JobState,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> bool:
        """End `owner`'s running job. False, and no change, if it is not that any more.

        A part that was running ends as the job does; parts that had not begun are cancelled with
        the job, and wait for a retry otherwise.
        """
        with self._database.writing() as connection:
            ended = connection.execute(
                f"UPDATE jobs SET state = ?, {FINISHED_NOW}, result = ?, error = ?, owner = NULL,"
                " cancel_requested = 0, pins = CASE WHEN ? = 'done' THEN NULL ELSE pins END"
                f" WHERE {OWNED}",
                (state, time.time(), text(result), text(error), state, job_id, owner),
            ).rowcount
            if ended:
                _end_parts(connection, job_id, state)
            return ended > 0

    def save_progress(self, job_id: str, owner: str, progress: Mapping[str, Any]) -> bool:
        return self._change("jobs", "progress = ?", OWNED, (text(progress), job_id, owner), False)

    def _next(self) -> str | None:
        """The id of the job that is to run next."""
        rows = self._database.rows(
            "SELECT id FROM jobs WHERE state = 'queued' AND typeof(id) = 'text'"
            f" AND NOT EXISTS (SELECT 1 FROM marks WHERE name = 'paused') {IN_ORDER} LIMIT 1"
        )
        return str(rows[0]["id"]) if rows else None

    def _read(self, rest: str, *values: object) -> list[Job]:
        with self._database.reading() as connection:
            return self._rows.read(connection, rest, *values)

    def _change(
        self,
        table: str,
        assignments: str,
        condition: str,
        values: tuple[object, ...],
        counted: bool = True,
    ) -> bool:
        with self._database.writing(counted=counted) as connection:
            changed = f"UPDATE {table} SET {assignments} WHERE {condition}"
            return connection.execute(changed, values).rowcount > 0


def _end_parts(connection: Any, job_id: str, state: JobState) -> None:
    """A job ends before its parts have: those that run end alike, the others if cancelled."""
    open_states = "('queued', 'running')" if state == "cancelled" else "('running')"
    connection.execute(
        f"UPDATE parts SET state = ?, {FINISHED_NOW} WHERE job_id = ? AND state IN {open_states}",
        (state, time.time(), job_id),
    )
