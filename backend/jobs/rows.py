"""Jobs and parts as rows of the queue's tables, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, cast

from backend.errors import StudioError
from backend.jobs.job import Job, JobPart, JobState, waiting_progress
from backend.wan.pinned import PinnedLoRA, Pins
from backend.wan.task import GenerationTask

SELECT_JOBS = """
SELECT *, CASE WHEN state = 'queued' THEN
    (SELECT COUNT(*) FROM jobs AS ahead WHERE ahead.state = 'queued' AND (
        ahead.priority > jobs.priority OR (ahead.priority = jobs.priority AND
        (ahead.place, ahead.seq) <= (jobs.place, jobs.seq))))
ELSE 0 END AS position FROM jobs
"""
UNREADABLE = "(The settings of this run cannot be read.)"
IN_ORDER = "ORDER BY priority DESC, place, seq"


def read_jobs(connection: sqlite3.Connection, rest: str, *values: object) -> list[Job]:
    """The jobs that `rest` (everything after SELECT ... FROM) asks for, with their parts."""
    rows = connection.execute(f"{SELECT_JOBS} {rest}", values).fetchall()
    parts: dict[str, list[JobPart]] = {row["id"]: [] for row in rows}
    marks = ", ".join("?" * len(parts))
    for row in connection.execute(
        f"SELECT * FROM parts WHERE job_id IN ({marks}) ORDER BY job_id, number", [*parts]
    ):
        parts[row["job_id"]].append(_part(row))
    return [_job(row, parts[row["id"]]) for row in rows]


def insert_parts(connection: sqlite3.Connection, job_id: str, parts: Iterable[JobPart]) -> None:
    connection.executemany(
        "INSERT INTO parts (job_id, number, id, label, changes, task, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (job_id, number, part.id, part.label, text(part.changes), text(part.task.to_dict()),
             part.state)
            for number, part in enumerate(parts, 1)
        ],
    )  # fmt: skip


def text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def pins_text(pins: Pins) -> str | None:
    return text({name: pin.to_dict() for name, pin in pins.items()}) if pins else None


def pins_from(stored: str | None) -> dict[str, PinnedLoRA]:
    found = {}
    for name, pin in (_read(stored) or {}).items():
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            found[name] = PinnedLoRA.from_dict(pin)
    return found


def _value(stored: str | None) -> Any:
    return None if stored is None else json.loads(stored)


def _read(stored: str | None) -> dict[str, Any] | None:
    """As `_value`; None where another program, or a bad disk, has left something else."""
    try:
        value = _value(stored)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _task(row: sqlite3.Row) -> GenerationTask:
    """The task, or one that cannot be run in its place, so that one row costs one job."""
    try:
        return GenerationTask.from_dict({**(_value(row["task"])), "id": row["id"]})
    except (ValueError, TypeError, StudioError):
        return GenerationTask(id=row["id"], model_type="", prompt=UNREADABLE)


def _job(row: sqlite3.Row, parts: list[JobPart]) -> Job:
    return Job(
        id=row["id"],
        state=cast("JobState", row["state"]),
        task=_task(row),
        created=row["created"],
        progress=_read(row["progress"]) or waiting_progress(),
        result=_read(row["result"]),
        error=_read(row["error"]),
        started=row["started"],
        finished=row["finished"],
        position=row["position"],
        priority=row["priority"],
        parts=tuple(parts),
    )


def _part(row: sqlite3.Row) -> JobPart:
    return JobPart(
        id=row["id"],
        label=row["label"],
        changes=_read(row["changes"]) or {},
        task=_task(row),
        state=cast("JobState", row["state"]),
        result=_read(row["result"]),
        error=_read(row["error"]),
        started=row["started"],
        finished=row["finished"],
    )
