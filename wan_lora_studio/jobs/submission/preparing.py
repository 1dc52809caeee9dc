"""Preparing a job: from what was asked for to checked tasks, held pictures and LoRAs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.errors import GenerationError, StudioError
from wan_lora_studio.grid import (
    Grid,
    GridFacts,
    GridProblem,
    NamedGrid,
    cells_of,
    named,
    problems_of,
)
from wan_lora_studio.jobs.job import Job, JobPart, Part
from wan_lora_studio.jobs.store import JobStore
from wan_lora_studio.jobs.submission.batches import expand
from wan_lora_studio.jobs.submission.inputs import Inputs
from wan_lora_studio.lora.index import NO_PINS, PinnedLoRA, Pins, extra_folders
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationTask


@dataclass(frozen=True)
class Prepared:
    """All that a job's row needs."""

    task: GenerationTask
    parts: tuple[JobPart, ...]
    pins: dict[str, PinnedLoRA]
    grid: NamedGrid | None = None


@dataclass(frozen=True)
class GridPlan:
    """What a grid would make. `parts` are its runs, none where `problems` keep it from being run;
    `seconds` is None where nothing is known."""

    grid: NamedGrid
    parts: tuple[JobPart, ...]
    problems: tuple[GridProblem, ...]
    seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "videos": self.grid.grid.videos,
            "columns": list(self.grid.columns),
            "rows": list(self.grid.rows),
            "seconds": self.seconds,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
        }


class Preparation:
    """Prepares within `holding`, so that nothing held is swept before a job names it."""

    def __init__(self, settings: Settings, loras: LoRAManager) -> None:
        self._loras = loras
        extra = extra_folders(settings, writable=True)
        self._inputs = Inputs(settings.data_dir / "inputs", settings.loras_dir, extra)

    @contextmanager
    def holding(self) -> Iterator[None]:
        with self._inputs.changing():
            yield

    def prepare(
        self, task: GenerationTask, parts: Sequence[Part], held: Pins = NO_PINS
    ) -> Prepared:
        """Check everything and hold its inputs; LoRAs in `held` stay what they are there.

        Raises a StudioError that names every problem.
        """
        view = self._loras.with_pins(held)
        _require_text(task, parts)
        for part in parts:
            if part.preview_of:
                view.record(part.preview_of)
        # Before the parts, so that what they change of the LoRAs wins over the task's prompt.
        task, _ = view.without_notation(task)
        own, made = expand(task, parts, lambda each: checked(each, view))
        tasks = [own, *(part.task for part in made)]
        names = [name for each in tasks for name in each.selected_loras]
        pins = self._inputs.loras.pin(names, self._loras, held)
        own = self._inputs.with_picture(own)
        made = tuple(
            dataclasses.replace(part, task=self._inputs.with_picture(part.task)) for part in made
        )
        return Prepared(own, made, pins)

    def prepare_grid(self, task: GenerationTask, grid: Grid, held: Pins = NO_PINS) -> Prepared:
        """The same for the cells of a grid. Raises GenerationError for what it cannot do."""
        names, parts = _cells(task, grid, self._loras.with_pins(held))
        return dataclasses.replace(self.prepare(task, parts, held), grid=names)

    def plan(self, task: GenerationTask, grid: Grid) -> GridPlan:
        """What the grid would make; holds nothing."""
        task, _ = self._loras.without_notation(task)
        names = named(grid, GridFacts(task, self._loras))
        if found := problems_of(grid, GridFacts(task, self._loras)):
            return GridPlan(names, (), tuple(found))
        try:
            _require_text(task, parts := _cells(task, grid, self._loras)[1])
            _, made = expand(task, parts, lambda each: checked(each, self._loras))
        except StudioError as error:
            lines = error.context.get("problems", [])  # of several parts, or phrases of a sentence
            texts = lines if " ".join(lines) == error.message else [error.message]
            return GridPlan(names, (), tuple(GridProblem(text) for text in texts))
        return GridPlan(names, made, ())

    def again(self, job: Job, task: GenerationTask, held: Pins) -> Prepared:
        """What still waits of the job, with another task; its parts keep their ids. The cells of a
        grid are made anew of that task.

        What its other parts would need for being run again stays held.
        """
        waiting = [part for part in job.parts if part.state == "queued"]
        names, parts = None, parts_again(waiting)
        if job.grid is not None:
            names, cells = _cells(task, job.grid.grid, self._loras.with_pins(held))
            parts = [cells[part.number - 1] for part in waiting]
        made = self.prepare(task, parts, held)
        kept_ids = tuple(
            dataclasses.replace(new, id=old.id, task=dataclasses.replace(new.task, id=old.id))
            for old, new in zip(waiting, made.parts, strict=True)
        )
        undone = (part.task for part in job.parts if part.state not in ("queued", "done"))
        needed = {name for each in undone for name in each.selected_loras}
        kept = {name: pin for name, pin in held.items() if name in needed}
        return Prepared(made.task, kept_ids, kept | made.pins, names)

    def sweep(self, store: JobStore) -> None:
        """Let go of what no job holds any more."""
        with self.holding():
            self._inputs.sweep(*store.held())


def _cells(task: GenerationTask, grid: Grid, loras: LoRAManager) -> tuple[NamedGrid, list[Part]]:
    """Raises GenerationError that names everything the grid cannot do."""
    task, _ = loras.without_notation(task)
    facts = GridFacts(task, loras)
    if problems := [problem.text for problem in problems_of(grid, facts)]:
        raise GenerationError(
            " ".join(problems),
            cause=say("jobs.submission.grid_cause"),
            suggestions=[say("jobs.submission.change_axes")],
            context={"problems": problems},
        )
    names = named(grid, facts)
    return names, [Part(cell.label, cell.changes) for cell in cells_of(names, facts)]


def _require_text(task: GenerationTask, parts: Sequence[Part]) -> None:
    """Halves of characters, which JSON lets through, can neither be kept nor written to a file."""
    values = [task.to_dict(), *([part.label, *part.changes.items()] for part in parts)]
    try:
        json.dumps(values, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise GenerationError(
            say("jobs.submission.half_character"),
            suggestions=[say("jobs.submission.type_again")],
        ) from error


def parts_again(parts: Iterable[JobPart]) -> list[Part]:
    """A job's parts, to be asked for once more; a seed that was drawn stays."""
    return [
        Part(part.label, {**part.changes, "seed": part.task.seed}, part.preview_of)
        if "seed" in part.changes
        else Part(part.label, part.changes, part.preview_of)
        for part in parts
    ]


def checked(task: GenerationTask, loras: LoRAManager) -> GenerationTask:
    """The task with every default filled in and the facts of its LoRAs.

    Raises GenerationError that names every problem, and a LoRAError for LoRAs that are not in
    the library, cannot be read or don't fit the model.
    """
    resolved = loras.checked(task)
    return dataclasses.replace(resolved, **_lora_facts(resolved, loras))


def _lora_facts(task: GenerationTask, loras: LoRAManager) -> dict[str, Any]:
    """What the result's metadata keeps of the LoRAs as they are now, with the estimates; without
    a LoRA the library is not asked, whatever state it is in."""
    if not task.selected_loras:
        return {"lora_memory_usage": 0.0, "lora_load_time": 0.0, "lora_metadata": {}}
    records = {name: loras.record(name) for name in task.selected_loras}
    cost = loras.estimate_memory_impact(list(records), model_type=task.model_type)
    return {
        "lora_memory_usage": cost["total_mb"] * MB,
        "lora_load_time": cost["load_seconds"],
        "lora_metadata": {name: record["metadata"] for name, record in records.items()},
    }
