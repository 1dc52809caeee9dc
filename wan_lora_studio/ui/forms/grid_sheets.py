"""Grid sheets: from a job that is a grid to what its contact sheet shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from wan_lora_studio.contact_sheet import Sheet, Tile
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.grid import NamedGrid
from wan_lora_studio.jobs.job import Job, JobPart, JobState
from wan_lora_studio.texts import say

STATES: Mapping[JobState, str] = {
    "queued": say("ui.forms.state_queued"),
    "running": say("ui.forms.state_running"),
    "failed": say("ui.forms.state_failed"),
    "cancelled": say("ui.forms.state_cancelled"),
    "interrupted": say("ui.forms.state_interrupted"),
}
GONE = say("ui.forms.video_deleted")

# The path of a part's video; None if it is not there any more.
FindVideo = Callable[[JobPart], Path | None]


def sheet_of_job(job: Job, find: FindVideo) -> Sheet:
    """Cells that are not done stand with their state. Raises GenerationError for a job that is no
    grid."""
    if job.grid is None:
        raise GenerationError(
            say("ui.forms.no_grid"),
            suggestions=[say("ui.forms.make_grid")],
            context={"status": 409},
        )
    known = {part.number: _tile(part, find) for part in job.parts}
    numbers = range(1, job.grid.grid.videos + 1)
    tiles = [known.get(number, Tile(state=GONE)) for number in numbers]
    return sheet_of_grid(job.grid, job.task.prompt, tiles)


def sheet_of_grid(grid: NamedGrid, prompt: str, tiles: list[Tile]) -> Sheet:
    """`tiles` stand row by row. The prompt is at the top, unless it is what differs."""
    varies = any(axis.of == "prompt" for axis in grid.grid.axes)
    return Sheet(
        heading="" if varies else prompt,
        x_title=grid.x.title,
        columns=grid.columns,
        y_title="" if grid.y is None else grid.y.title,
        rows=grid.rows,
        tiles=tuple(tiles),
    )


def _tile(part: JobPart, find: FindVideo) -> Tile:
    if part.state != "done":
        return Tile(state=STATES[part.state])
    video = find(part)
    return Tile(state=GONE) if video is None else Tile(str(video))
