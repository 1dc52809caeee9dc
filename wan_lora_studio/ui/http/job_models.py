"""Job models: what the queue's routes take and give, for checking and for the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from wan_lora_studio.ui.forms import PartForm

if TYPE_CHECKING:
    from wan_lora_studio.wan.memory import Forecast


State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
FINISHED: list[State] = ["done", "failed", "cancelled", "interrupted"]


class Answer(BaseModel):
    """An answer may hold more than what is described."""

    model_config = ConfigDict(extra="allow")


class ErrorDetails(Answer):
    category: str = Field(description="What kind of error it is, such as generation or lora_file.")
    message: str = Field(description="What happened and why, in words.")
    suggestions: list[str] = Field(description="What can be done about it.")
    context: dict[str, Any] = Field(description="Facts for a report.")


class ErrorAnswer(Answer):
    """Every refusal has this form."""

    error: ErrorDetails


JobId = Annotated[str, Path(description="The id that submitting gave.")]
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorAnswer, "description": "There is no such job."}
}


class ProgressAnswer(Answer):
    stage: str = Field(description="queued, load, apply, text, sample, decode or write.")
    step: int = Field(description="Sampling steps done.")
    steps: int = Field(description="Sampling steps in all.")
    expert: str | None = Field(description="high or low: which transformer made the step.")
    seconds_left: float | None = Field(description="To the end of sampling, by measured steps.")
    high_steps: int | None = Field(
        default=None, description="How many of the steps the high expert makes; null with one."
    )
    run_seconds_left: float | None = Field(
        default=None,
        description="To the end of the video, decoding and writing included; null until this model"
        " has made a video on this machine.",
    )
    share: float | None = Field(default=None, description="Of the whole run, from 0 to 1.")
    preview_version: int = Field(description="Grows with every preview picture.")
    part: int | None = Field(default=None, description="Of a batch: the part that runs, from 1.")
    parts: int | None = Field(default=None, description="Of a batch: how many parts it has.")
    batch_seconds_left: float | None = Field(
        default=None, description="Of a batch: to the end of its last video, by those made."
    )


class PartAnswer(Answer):
    id: str = Field(description="The part's result is found under this id.")
    label: str
    changes: dict[str, Any] = Field(description="The task's fields that differ for this video.")
    state: State
    result: dict[str, Any] | None
    error: ErrorDetails | None
    cell: list[int] | None = Field(
        default=None, description="Of a grid: its column and row, from 0."
    )
    preview_of: str | None = Field(
        default=None, description="The LoRA whose picture and clip the video becomes."
    )
    preview_note: str | None = Field(
        default=None, description='Null until that is done; then "", or why it could not be done.'
    )


class AxisAnswer(Answer):
    """An axis of a grid."""

    of: str = Field(description="What is varied: strength, seed, prompt and so on.")
    lora: str | None = Field(description="The LoRA that it is about.")
    title: str
    labels: list[str] = Field(description="One for each value, as a person reads it.")
    values: list[Any]


class GridAnswer(Answer):
    x: AxisAnswer
    y: AxisAnswer | None


class JobAnswer(Answer):
    """One video, or a batch of them, and what became of it."""

    id: str
    state: State
    task: dict[str, Any] = Field(description="Every parameter, defaults and seed filled in.")
    parts: list[PartAnswer] = Field(description="The videos of a batch; empty for a single one.")
    grid: GridAnswer | None = Field(
        default=None, description="What the parts are cells of, row by row; null for other jobs."
    )
    progress: ProgressAnswer
    result: dict[str, Any] | None = Field(description="Of a single video; a part has its own.")
    error: ErrorDetails | None
    warnings: list[str] = Field(
        default=[],
        description="What is to be known before it runs, such as notation in the"
        " prompt that goes to the model as written. On submitting, also LoRAs that may be for one"
        " expert only.",
    )
    priority: int = Field(description="A higher one runs first.")
    position: int = Field(description="Place in the queue from 1; 0 when it does not wait.")
    created: float = Field(description="Seconds since 1970.")
    started: float | None
    finished: float | None


class CancelAnswer(Answer):
    ok: bool = Field(description="False if the job had ended already.")
    job: JobAnswer


class CountAnswer(Answer):
    count: int = Field(description="How many jobs were removed.")


class QueueAnswer(Answer):
    paused: bool


class CpuAnswer(Answer):
    """In percent of all cores together."""

    machine: float
    page: float = Field(description="The part of the page's process.")
    workers: float = Field(description="The part of the workers.")
    cores: int


class StatusAnswer(Answer):
    """How things stand."""

    rev: str = Field(description="Send it back as `rev`; 204 then means that nothing changed.")
    worker: dict[str, Any] = Field(description="The foremost worker: state, model, device, memory.")
    workers: list[dict[str, Any]] = Field(description="Every worker, one for each GPU.")
    job: JobAnswer | None = Field(description="The job to show: the running, next or newest one.")
    running: list[dict[str, Any]] = Field(description="Summaries of the running jobs.")
    queue: list[dict[str, Any]] = Field(description="Summaries of the waiting jobs, in order.")
    paused: bool
    cpu: CpuAnswer = Field(description="As of this answer; a change of it alone is no news.")
    jobs_rev: int = Field(description="Another number whenever the list of jobs changed.")
    notices: list[str] = Field(description="What was damaged and set aside, and how to go on.")
    problems: list[str] = Field(
        description="What is wrong, in words; /healthz fails as long as there is any."
    )


class MemoryChange(Answer):
    words: str = Field(description="What to change, in words.")
    saved: int = Field(description="Bytes.")
    fits: bool = Field(description="Whether the run then fits.")


class Estimate(Answer):
    """Estimated memory of a run, in bytes."""

    known: bool = Field(description="False while no worker has said what there is.")
    fits: bool = True
    needed: int = Field(default=0, description="Where it computes.")
    available: int = 0
    host_needed: int = Field(default=0, description="Of the computer's memory, beside a GPU.")
    host_available: int = 0
    placing: str = Field(default="", description="Where weights will wait, and why, in a sentence.")
    tiled: bool = Field(default=False, description="Whether the frames are decoded in tiles.")
    changes: list[MemoryChange] = Field(
        default=[], description="What would save memory: what makes it fit, then the biggest first."
    )

    @classmethod
    def of(cls, forecast: Forecast | None) -> Estimate:
        if forecast is None:
            return cls(known=False)
        return cls(
            known=True,
            fits=forecast.fits,
            needed=forecast.needed,
            available=forecast.available,
            host_needed=forecast.host_needed,
            host_available=forecast.host or 0,
            placing=forecast.reason,
            tiled=forecast.decoding.tiled,
            changes=[MemoryChange.model_validate(vars(each)) for each in forecast.changes()],
        )


class Wanted(BaseModel):
    task: dict[str, Any] = Field(description="Fields of a task; it need not be complete.")


class Planned(Wanted):
    grid: Any = Field(description="The axes, as in a submission.")


class GridProblemAnswer(Answer):
    text: str
    axis: Literal["x", "y"] | None = Field(description="Of which axis; null for the whole grid.")


class PlanAnswer(Answer):
    """What a grid would make."""

    videos: int
    columns: list[str] = Field(description="The labels of the x axis.")
    rows: list[str] = Field(description="The labels of the y axis; empty with one axis.")
    seconds: float | None = Field(
        description="To make them all, by measured times; null until this model has made a video"
        " on this machine."
    )
    problems: list[GridProblemAnswer] = Field(
        description="What keeps it from being run; empty if nothing."
    )


class JobEdit(BaseModel):
    """What to change of a waiting job. What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    task: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the task; null means the model's default, for seed a random one.",
    )
    parts: list[PartForm] | None = Field(default=None, description="All parts; [] makes it one.")
    priority: int | None = Field(default=None, ge=-100, le=100)


class Move(BaseModel):
    model_config = ConfigDict(extra="forbid")

    position: int = Field(ge=1, description="The place in the queue, from 1.")


class Copy(BaseModel):
    model_config = ConfigDict(extra="forbid")

    new_seed: bool = Field(default=False, description="Draw another seed for the copy.")


class Clear(BaseModel):
    model_config = ConfigDict(extra="forbid")

    states: list[State] = Field(
        default=FINISHED, description="Remove the jobs in these states; what runs always stays."
    )
