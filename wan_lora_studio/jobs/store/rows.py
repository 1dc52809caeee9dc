"""Rows of the queue's tables, from jobs and parts and back."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar, get_args

from wan_lora_studio.errors import GenerationError, StudioError
from wan_lora_studio.grid import NamedGrid
from wan_lora_studio.jobs.job import Job, JobPart, JobState, waiting_progress
from wan_lora_studio.lora.index import PinnedLoRA, Pins
from wan_lora_studio.storage_faults import UnsoundError, sound_value, stored_value
from wan_lora_studio.texts import say
from wan_lora_studio.wan.task import GenerationTask

logger = logging.getLogger(__name__)
T = TypeVar("T")
MOST_TOLD = 1000  # rows that are logged
STATES = get_args(JobState)
TASK_TYPES = {"model_type": str, "prompt": str, "selected_loras": dict, "lora_metadata": dict}
SELECT_JOBS = """
SELECT *, CASE WHEN state = 'queued' THEN
    (SELECT COUNT(*) FROM jobs AS ahead WHERE ahead.state = 'queued' AND (
        ahead.priority > jobs.priority OR (ahead.priority = jobs.priority AND
        (ahead.place, ahead.seq) <= (jobs.place, jobs.seq))))
ELSE 0 END AS position FROM jobs
"""
UNREADABLE = say("jobs.queue.unreadable")
NO_STATE = GenerationError(
    say("jobs.queue.unreadable_part"),
    cause=say("jobs.queue.unreadable_cause"),
    suggestions=[say("jobs.queue.delete_run")],
)
IN_ORDER = "ORDER BY priority DESC, place, seq"


class JobRows:
    """Reads jobs from their rows. A cell that this app did not write costs that cell or that row,
    and is logged once for each row."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def read(self, connection: sqlite3.Connection, rest: str, *values: object) -> list[Job]:
        """The jobs that `rest` (everything after SELECT ... FROM) asks for, with their parts."""
        found = connection.execute(f"{SELECT_JOBS} {rest}", values).fetchall()
        rows = [_Row(row) for row in found]
        parts: dict[str, list[JobPart]] = {row.id: [] for row in rows if row.id}
        marks = ", ".join("?" * len(parts))
        for each in connection.execute(
            f"SELECT * FROM parts WHERE job_id IN ({marks}) ORDER BY job_id, number", [*parts]
        ):
            row = _Row(each)
            if row.id:
                parts[each["job_id"]].append(_part(row))
            self._tell(row)
        jobs = [_job(row, parts[row.id]) for row in rows if row.id]
        for row in rows:
            self._tell(row)
        return jobs

    def parts(self, connection: sqlite3.Connection, rest: str, *values: object) -> list[JobPart]:
        """The parts that `rest` asks for, of whichever jobs."""
        found = connection.execute(f"SELECT * FROM parts {rest}", values).fetchall()
        return [_part(row) for row in map(_Row, found) if row.id]

    def _tell(self, row: _Row) -> None:
        if not row.unsound:
            return
        named = f"{row.named:.80}"
        if named not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(named)
            columns = ", ".join(row.unsound)
            logger.warning("Run %s holds something this app did not write: %s", named, columns)


class _Row:
    """One row of jobs or parts. `unsound` are the columns, of those read so far, that hold what
    this app did not write; `id` is empty where it is one of them."""

    def __init__(self, row: sqlite3.Row) -> None:
        self._row = row
        self.unsound: list[str] = []
        self.id = self.words("id")
        self.named = self.id or repr(row["id"])

    def words(self, column: str) -> str:
        value = self._row[column]
        return value if isinstance(value, str) else self._unsound(column, "")

    def optional_words(self, column: str) -> str | None:
        return None if self._row[column] is None else self.words(column)

    def time(self, column: str) -> float | None:
        value = self._row[column]
        if value is None or (isinstance(value, int | float) and math.isfinite(value)):
            return value
        return self._unsound(column, None)

    def count(self, column: str) -> int:
        value = self._row[column]
        return value if isinstance(value, int) else self._unsound(column, 0)

    def object(self, column: str) -> dict[str, Any] | None:
        value = self._row[column]
        if value is None:
            return None
        try:
            return sound_value(value, dict)
        except UnsoundError:
            return self._unsound(column, None)

    def grid(self) -> NamedGrid | None:
        """What the parts are cells of; a batch whose grid cannot be read is shown as a list."""
        stored = self.object("grid")
        if stored is None:
            return None
        try:
            return NamedGrid.from_dict(stored)
        except (KeyError, TypeError, ValueError, StudioError):
            return self._unsound("grid", None)

    def state(self) -> JobState | None:
        value = self._row["state"]
        return value if value in STATES else self._unsound("state", None)

    def task(self) -> GenerationTask:
        """The task, or one that cannot be run in its place, so that one row costs one job."""
        stored = self.object("task") or {}
        with suppress(TypeError, StudioError):
            task = GenerationTask.from_dict({**stored, "id": self.id})
            if all(isinstance(getattr(task, name), kind) for name, kind in TASK_TYPES.items()):
                return task
        unreadable = GenerationTask(id=self.id, model_type="", prompt=UNREADABLE)
        return unreadable if "task" in self.unsound else self._unsound("task", unreadable)

    def _unsound(self, column: str, instead: T) -> T:
        self.unsound.append(column)
        return instead


def insert_parts(connection: sqlite3.Connection, job_id: str, parts: Iterable[JobPart]) -> None:
    connection.executemany(
        "INSERT INTO parts (job_id, number, id, label, changes, task, state, preview_of)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (job_id, number, part.id, part.label, text(part.changes), text(part.task.to_dict()),
             part.state, part.preview_of or None)
            for number, part in enumerate(parts, 1)
        ],
    )  # fmt: skip


def text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def pins_text(pins: Pins) -> str | None:
    return text({name: pin.to_dict() for name, pin in pins.items()}) if pins else None


def grid_text(grid: NamedGrid | None) -> str | None:
    return None if grid is None else text(grid.to_dict())


def pins_from(stored: object) -> dict[str, PinnedLoRA]:
    found = {}
    for name, pin in ((stored_value(stored, dict) or {}) if stored is not None else {}).items():
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            found[name] = PinnedLoRA.from_dict(pin)
    return found


def _job(row: _Row, parts: list[JobPart]) -> Job:
    state, error = _end(row)
    return Job(
        id=row.id,
        state=state,
        task=row.task(),
        created=row.time("created") or 0.0,
        progress=row.object("progress") or waiting_progress(),
        result=row.object("result"),
        error=error,
        started=row.time("started"),
        finished=row.time("finished"),
        position=row.count("position"),
        priority=row.count("priority"),
        parts=tuple(parts),
        grid=row.grid(),
    )


def _part(row: _Row) -> JobPart:
    state, error = _end(row)
    return JobPart(
        id=row.id,
        label=row.words("label"),
        changes=row.object("changes") or {},
        task=row.task(),
        state=state,
        result=row.object("result"),
        error=error,
        started=row.time("started"),
        finished=row.time("finished"),
        number=row.count("number"),
        preview_of=row.optional_words("preview_of") or "",
        preview_note=row.optional_words("preview_note"),
    )


def _end(row: _Row) -> tuple[JobState, dict[str, Any] | None]:
    """The state and the error; a state that there is not is shown as a failure."""
    state, error = row.state(), row.object("error")
    if state is None:
        return "failed", NO_STATE.to_dict()
    return state, error
