"""Grid from the shell: one video for each cell into a folder, then the contact sheet of all.

The folder holds what was asked for, in `grid.json`: the same command goes on with the cells that
are missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wan_lora_studio.contact_sheet import SheetMaker, Tile
from wan_lora_studio.errors import CancelledByUser, GenerationError, StudioError
from wan_lora_studio.filesystem import replace
from wan_lora_studio.grid import Grid, NamedGrid
from wan_lora_studio.jobs.job import JobPart
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.ui.command_line.arguments import TASK_ARGUMENTS
from wan_lora_studio.ui.forms import sheet_of_grid
from wan_lora_studio.ui.messages import in_words
from wan_lora_studio.units import in_time
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationTask

KEPT = "grid.json"
FAILED = say("ui.forms.state_failed")
SHEETS = ("png", "mp4")
# What is asked for, beside the task's own fields.
ASKED = ("prompt", "like", "lora", "model", "grid_x", "grid_y")
NO_TIME = say("ui.command_line.grid.no_time")
AGAIN = say("ui.command_line.grid.again")

# Makes the video of a task, and gives its path.
Make = Callable[[GenerationTask, Path], Path]


@dataclass(frozen=True)
class Cell:
    """A part of the grid and where its video is to be."""

    part: JobPart
    video: Path


@dataclass(frozen=True)
class GridRequest:
    """What the shell asks for, and what it is made with."""

    arguments: argparse.Namespace
    settings: Settings
    loras: LoRAManager


def run_grid(request: GridRequest, task: GenerationTask, make: Make) -> int:
    """Make the grid that is asked for, from `task`; 1 where a cell has failed."""
    arguments = request.arguments
    asked = _asked(arguments)
    folder = _folder(arguments.out, request.settings, asked)
    grid = Grid.read({"x": arguments.grid_x, "y": arguments.grid_y})
    task = _kept_task(folder, asked) or task
    names, parts, seconds = _planned(request, task, grid)
    cells = [Cell(part, folder / _file_name(number, part)) for number, part in enumerate(parts, 1)]
    missing = [cell for cell in cells if not cell.video.is_file()]
    print(_cost(names, len(missing), seconds))
    if arguments.plan:
        return 0
    _keep(folder, asked, task, grid)
    print(AGAIN)
    failed = _make_all(missing, make)
    _write_sheets(folder, names, task, cells)
    return 1 if failed else 0


def first_prompt(arguments: argparse.Namespace) -> str | None:
    """That of an axis of prompts; None without one."""
    axes = [axis for axis in (arguments.grid_x, arguments.grid_y) if axis is not None]
    return next((str(axis["values"][0]) for axis in axes if axis["of"] == "prompt"), None)


def _planned(
    request: GridRequest, task: GenerationTask, grid: Grid
) -> tuple[NamedGrid, Sequence[JobPart], float | None]:
    """Raises GenerationError that names what keeps the grid from being run."""
    queue = JobQueue(request.settings, loras=request.loras)
    try:
        plan = queue.plan(task, grid)
    finally:
        queue.close()
    if plan.problems:
        texts = [problem.text for problem in plan.problems]
        raise GenerationError(
            " ".join(texts),
            suggestions=[say("ui.command_line.grid.change")],
            context={"problems": texts},
        )
    return plan.grid, plan.parts, plan.seconds


def _cost(names: NamedGrid, missing: int, seconds: float | None) -> str:
    columns, rows = len(names.columns), max(1, len(names.rows))
    videos = columns * rows
    sentences = [
        say("ui.command_line.grid.videos_in_table", count=videos, columns=columns, rows=rows)
        if names.rows
        else say("ui.command_line.grid.videos", count=videos)
    ]
    if missing < videos:
        sentences.append(say("ui.command_line.grid.there", count=videos - missing))
    if missing and seconds is None:
        sentences.append(NO_TIME)
    elif missing and seconds is not None:
        sentences.append(say("ui.command_line.grid.time", time=in_time(seconds * missing / videos)))
    return " ".join(sentences)


def _make_all(cells: Sequence[Cell], make: Make) -> list[Cell]:
    """Those that failed. The others are made all the same."""
    failed = []
    started = time.monotonic()
    for number, cell in enumerate(cells, 1):
        place = {"number": number, "count": len(cells), "label": cell.part.label}
        left = _left(number, len(cells), started)
        print(
            "\n" + say("ui.command_line.grid.cell_and_left", time=left, **place)
            if left
            else "\n" + say("ui.command_line.grid.cell", **place)
        )
        try:
            print(f"\n{make(cell.part.task, cell.video)}")
        except CancelledByUser:
            raise
        except StudioError as error:
            print(f"\n{in_words(error)}", file=sys.stderr)
            failed.append(cell)
    return failed


def _left(number: int, count: int, started: float) -> str:
    """To the end, by the videos of this grid that are done."""
    if number == 1:
        return ""
    each = (time.monotonic() - started) / (number - 1)
    return in_time(each * (count - number + 1))


def _write_sheets(
    folder: Path, names: NamedGrid, task: GenerationTask, cells: Sequence[Cell]
) -> None:
    tiles = [
        Tile(str(cell.video)) if cell.video.is_file() else Tile(state=FAILED) for cell in cells
    ]
    sheet = sheet_of_grid(names, task.prompt, tiles)
    for kind in SHEETS:
        target = folder / f"grid.{kind}"
        SheetMaker().make("png" if kind == "png" else "mp4", sheet, target)
        print(target)


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, as JSON gives it back."""
    given = vars(arguments)
    names = (*ASKED, *(name for _, name, _, _ in TASK_ARGUMENTS))
    text = json.dumps({name: given.get(name) for name in names}, default=str)
    found: dict[str, Any] = json.loads(text)
    return found


def _folder(out: Path | None, settings: Settings, asked: Mapping[str, Any]) -> Path:
    """The same for the same command."""
    if out is None:
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:8]
        return settings.outputs_dir / f"grid-{digest}"
    if out.suffix.lower() == ".mp4" and not out.is_dir():
        raise GenerationError(
            say("ui.command_line.grid.out"),
            suggestions=[say("ui.command_line.grid.write_out", folder=out.with_suffix(""))],
        )
    return out


def _kept_task(folder: Path, asked: Mapping[str, Any]) -> GenerationTask | None:
    """What an earlier command in this folder made its videos of, with its seed. Raises
    GenerationError where that was another grid."""
    try:
        kept = read_object((folder / KEPT).read_bytes())
        if kept["asked"] == asked:
            return GenerationTask.from_dict(kept["task"])
    except FileNotFoundError:
        return None
    except (OSError, UntrustedJSONError, KeyError, TypeError, StudioError):
        pass
    raise GenerationError(
        say("ui.command_line.grid.another", folder=folder),
        suggestions=[say("ui.command_line.grid.another_folder")],
        context={"folder": str(folder)},
    )


def _keep(folder: Path, asked: Mapping[str, Any], task: GenerationTask, grid: Grid) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    axes = {"x": grid.x.to_dict(), "y": None if grid.y is None else grid.y.to_dict()}
    kept = {"asked": asked, "task": task.to_dict(), "grid": axes}
    partial = folder / f".{KEPT}.part"
    partial.write_text(json.dumps(kept, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    replace(partial, folder / KEPT)


def _file_name(number: int, part: JobPart) -> str:
    slug = re.sub(r"[^\w.]+", "-", part.label.lower()).strip("-.")[:60].strip("-.")
    return f"{number:03d}-{slug or 'cell'}.mp4"
