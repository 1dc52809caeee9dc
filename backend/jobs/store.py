"""The jobs, on disk. Every change of state is a compare-and-set in one durable transaction."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from backend.jobs.database import Database
from backend.jobs.job import Job, JobState, waiting_progress
from backend.wan.task import GenerationTask

Jobs = list[Job]

SELECT = """
SELECT *, CASE WHEN state = 'queued' THEN
    (SELECT COUNT(*) FROM jobs AS ahead WHERE ahead.state = 'queued' AND ahead.seq <= jobs.seq)
ELSE 0 END AS position FROM jobs
"""


class JobStore:
    """Jobs by id, oldest first in the queue. Several instances may share one file.

    A running job has an owner, the id of the instance whose worker runs it; only the owner, or
    an instance that found the owner dead, may move it on.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def close(self) -> None:
        self._database.close()

    def revision(self) -> int:
        """A number that grows with every change, whichever instance made it."""
        return int(self._database.rows("SELECT value FROM revision")[0]["value"])

    def add(self, task: GenerationTask) -> Job:
        """Put a task at the end of the queue. Raises sqlite3.IntegrityError if its id is taken."""
        created, progress = time.time(), waiting_progress()
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO jobs (id, state, task, progress, created) VALUES (?, ?, ?, ?, ?)",
                (task.id, "queued", _text(task.to_dict()), _text(progress), created),
            )
            row = connection.execute(f"{SELECT} WHERE id = ?", (task.id,)).fetchone()
        return _job(row)

    def get(self, job_id: str) -> Job | None:
        found = self._database.rows(f"{SELECT} WHERE id = ?", job_id)
        return _job(found[0]) if found else None

    def list(self, limit: int = 20) -> Jobs:
        """The newest first."""
        return [
            _job(row) for row in self._database.rows(f"{SELECT} ORDER BY seq DESC LIMIT ?", limit)
        ]

    def in_state(self, state: JobState) -> Jobs:
        """The oldest first."""
        return [
            _job(row)
            for row in self._database.rows(f"{SELECT} WHERE state = ? ORDER BY seq", state)
        ]

    def next_queued(self) -> Job | None:
        found = self._database.rows(f"{SELECT} WHERE state = 'queued' ORDER BY seq LIMIT 1")
        return _job(found[0]) if found else None

    def claim(self, owner: str) -> Job | None:
        """Make the next queued job `owner`'s, running; None if there is none."""
        if self.next_queued() is None:
            return None  # no write lock just to find the queue empty
        with self._database.writing() as connection:
            job = self.next_queued()
            if job is None:
                return None
            started = time.time()
            connection.execute(
                "UPDATE jobs SET state = 'running', owner = ?, started = ? WHERE id = ?",
                (owner, started, job.id),
            )
        return dataclasses.replace(job, state="running", started=started, position=0)

    def release(self, job_id: str, owner: str) -> bool:
        """Put a claimed job that never began back where it was."""
        return self._change(
            "state = 'queued', owner = NULL, started = NULL",
            "id = ? AND state = 'running' AND owner = ? AND cancel_requested = 0",
            (job_id, owner),
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
        """End `owner`'s running job. False, and no change, if it is not that any more."""
        return self._change(
            "state = ?, finished = ?, result = ?, error = ?",
            "id = ? AND state = 'running' AND owner = ?",
            (state, time.time(), _text(result), _text(error), job_id, owner),
        )

    def save_progress(self, job_id: str, owner: str, progress: Mapping[str, Any]) -> bool:
        return self._change(
            "progress = ?",
            "id = ? AND state = 'running' AND owner = ?",
            (_text(progress), job_id, owner),
        )

    def cancel(self, job_id: str) -> bool:
        """Cancel a queued job, or ask for a running one to be cancelled."""
        now = time.time()
        return self._change(
            "state = 'cancelled', finished = ?", "id = ? AND state = 'queued'", (now, job_id)
        ) or self._change("cancel_requested = 1", "id = ? AND state = 'running'", (job_id,))

    def cancel_requested(self, job_id: str) -> bool:
        rows = self._database.rows("SELECT cancel_requested FROM jobs WHERE id = ?", job_id)
        return bool(rows and rows[0]["cancel_requested"])

    def owners(self) -> set[str]:
        """The instances that own running jobs."""
        rows = self._database.rows("SELECT DISTINCT owner FROM jobs WHERE state = 'running'")
        return {row["owner"] for row in rows}

    def interrupt(self, owner: str, error: Mapping[str, Any]) -> bool:
        """Mark everything `owner` was running as interrupted."""
        return self._change(
            "state = 'interrupted', finished = ?, error = ?",
            "state = 'running' AND owner = ?",
            (time.time(), _text(error), owner),
        )

    def _change(self, assignments: str, condition: str, values: tuple[object, ...]) -> bool:
        with self._database.writing() as connection:
            cursor = connection.execute(f"UPDATE jobs SET {assignments} WHERE {condition}", values)
            return cursor.rowcount > 0


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        state=cast("JobState", row["state"]),
        task=GenerationTask.from_dict(json.loads(row["task"])),
        created=row["created"],
        progress=json.loads(row["progress"]),
        result=_value(row["result"]),
        error=_value(row["error"]),
        started=row["started"],
        finished=row["finished"],
        position=row["position"],
    )


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
