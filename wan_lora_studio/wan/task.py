"""Task and result: what to generate and what came of it, as values. No torch here."""

from __future__ import annotations

import dataclasses
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import MOST_PROBLEMS, GenerationError, together
from wan_lora_studio.lora.selection import LoRASelection, unsupported_in
from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import shortened
from wan_lora_studio.wan.task_limits import SEED_LIMIT, Limit, limits_of

NO_PROMPT = say("wan.task.no_prompt")
MOST_PROMPT = 20_000  # characters; a model reads some 500 tokens
MOST_LORAS = 100
TABLE_FIELDS = (
    "negative_prompt",
    "width",
    "height",
    "num_frames",
    "fps",
    "steps",
    "guidance_scale",
    "guidance_scale_2",
    "flow_shift",
)


@dataclass(frozen=True, kw_only=True)
class GenerationTask:
    """One video to make. None means the model table's value (a random one for `seed`).

    Sizes are in pixels, `num_frames` in frames, `flow_shift` without unit,
    `lora_memory_usage` in bytes, `lora_load_time` in seconds: estimates until the task has run, and
    measured on its result. `lora_metadata` is what the library says of each LoRA.
    """

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    model_type: str
    prompt: str
    negative_prompt: str | None = None
    image: str | None = None
    width: int | None = None
    height: int | None = None
    num_frames: int | None = None
    fps: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    guidance_scale_2: float | None = None
    flow_shift: float | None = None
    seed: int | None = None
    selected_loras: dict[str, Any] = field(default_factory=dict)
    lora_memory_usage: float = 0.0
    lora_load_time: float = 0.0
    lora_metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.image, Path):
            object.__setattr__(self, "image", str(self.image))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; `from_dict` gives an equal task back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GenerationTask:
        """Raises GenerationError that names every unknown or missing field."""
        known = {item.name for item in dataclasses.fields(cls)}
        unknown = sorted(set(data) - known)
        missing = [name for name in ("model_type", "prompt") if name not in data]
        if unknown or missing:
            parts = []
            if unknown:
                parts.append(say("wan.task.unknown_fields", names=together(unknown, ", ")))
            if missing:
                parts.append(say("wan.task.missing_fields", names=", ".join(missing)))
            raise GenerationError(
                say("wan.task.no_task", problems="; ".join(parts)),
                cause=say("wan.task.no_task_cause"),
                suggestions=[say("wan.task.give_fields")],
                context={"unknown": unknown[:MOST_PROBLEMS], "missing": missing},
            )
        return cls(**data)

    def resolved(self, settings: Settings) -> GenerationTask:
        """The same task with every None filled from the model table, and validated.

        Raises GenerationError that lists every problem in plain words.
        """
        problems: list[_Problem] = []
        named = self.model_type if isinstance(self.model_type, str) else ""
        entry = settings.models.get(named)
        if entry is None:
            known = ", ".join(settings.models)
            said = say("wan.task.no_model", model=shortened(self.model_type), known=known)
            problems.append(_Problem("model_type", said, say("wan.task.choose_model")))
            task = self
        else:
            task = dataclasses.replace(self, **_defaults(self, entry))
            problems += _field_problems(task, entry)
        try:
            LoRASelection.parse(self.selected_loras)
        except GenerationError as error:
            texts = error.context["problems"]
            problems += [_Problem("selected_loras", text, f"{text}.") for text in texts]
        if problems:
            raise _not_ready(problems)
        return task

    @property
    def prompt_warnings(self) -> tuple[str, ...]:
        """A sentence for each notation in the prompts that goes to the model as written."""
        texts = (self.prompt, self.negative_prompt)
        return unsupported_in(*(text for text in texts if isinstance(text, str)))

    @property
    def selection(self) -> LoRASelection:
        return LoRASelection.parse(self.selected_loras)


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    `stage` is one of load, apply, text, sample, decode, write; `expert` is the transformer that
    made the step (high or low), `high_steps` how many of the steps are the high one's (None with
    one transformer); `seconds_left` counts to the end of sampling; `preview` is the video as it
    looks now, a JPEG of its middle frame or a moving WebP. `notes` tell what is in doubt, and
    what was done about failures so far; `left_out` for each LoRA that is not used any more why
    that is.
    """

    stage: str
    step: int = 0
    steps: int = 0
    expert: str | None = None
    high_steps: int | None = None
    seconds_left: float | None = None
    message: str = ""
    preview: bytes | None = None
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the preview's bytes."""
        plain = {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.name != "preview"
        }
        return {**plain, "notes": list(self.notes), "left_out": dict(self.left_out)}


@dataclass(frozen=True)
class GenerationResult:
    """A finished video.

    `task` carries the seed that was used. `frames_shape` is (frames, height, width, channels).
    `timings` are seconds by stage. `loras` holds one report per selected LoRA, by name: sha256
    and autov2 per file, expert strengths, coverage, and outcome (applied, fallback or skipped,
    with a reason). `prompt_used` is the prompt with what stands in for LoRAs left out.
    `recoveries` are the measures that were taken, in order, each with `action` and `detail`.
    """

    video_path: str
    poster_path: str
    task: GenerationTask
    frames_shape: tuple[int, int, int, int]
    timings: dict[str, float]
    loras: dict[str, dict[str, Any]]
    warnings: list[str]
    prompt_used: str = ""
    recoveries: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "frames_shape": list(self.frames_shape)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GenerationResult:
        shape = tuple(int(size) for size in data["frames_shape"])
        task = GenerationTask.from_dict(data["task"])
        return cls(**{**data, "task": task, "frames_shape": shape})


def unreadable_prompt(problems: Sequence[str]) -> GenerationError:
    """Why a prompt is refused whose notation cannot be read."""
    return GenerationError(
        " ".join(problems),
        cause=say("wan.task.notation_cause"),
        suggestions=[say("wan.task.write_notation")],
        context={"problems": list(problems), "fields": {"prompt": " ".join(problems)}},
    )


def random_seed() -> int:
    return secrets.randbelow(SEED_LIMIT)


def _defaults(task: GenerationTask, entry: ModelEntry) -> dict[str, Any]:
    filled: dict[str, Any] = {
        name: getattr(entry, name) for name in TABLE_FIELDS if getattr(task, name) is None
    }
    if task.guidance_scale_2 is None and task.guidance_scale is not None:
        # A caller who sets only one guidance means both experts.
        filled["guidance_scale_2"] = None if len(entry.experts) == 1 else task.guidance_scale
    if task.seed is None:
        filled["seed"] = random_seed()
    return filled


@dataclass(frozen=True)
class _Problem:
    """What is wrong with a field, and what to do about it where the field's name is seen."""

    field: str
    text: str
    advice: str


def _by_field(problems: Sequence[_Problem]) -> dict[str, str]:
    """The first advice for each field, in the order of the problems."""
    found: dict[str, str] = {}
    for problem in problems[:MOST_PROBLEMS]:
        found.setdefault(problem.field, problem.advice)
    return found


def _not_ready(problems: Sequence[_Problem]) -> GenerationError:
    """Every problem of a task, named at once and by its field."""
    texts = [problem.text for problem in problems]
    context = {"problems": texts[:MOST_PROBLEMS], "fields": _by_field(problems)}
    if texts == [NO_PROMPT]:
        return GenerationError(
            say("wan.task.write_prompt"),
            suggestions=[say("wan.task.describe")],
            context=context,
        )
    return GenerationError(say("wan.task.not_ready", problems=together(texts)), context=context)


def _field_problems(task: GenerationTask, entry: ModelEntry) -> list[_Problem]:
    problems: list[_Problem] = []
    if not isinstance(task.prompt, str) or not task.prompt.strip():
        problems.append(_Problem("prompt", NO_PROMPT, say("wan.task.write_prompt")))
    if not isinstance(task.negative_prompt, str):
        said = say("wan.task.negative_prompt")
        problems.append(_Problem("negative_prompt", said, say("wan.task.write_text")))
    problems += _size_problems(task)
    for name, limit in limits_of(entry).items():
        value = getattr(task, name)
        if name != "guidance_scale_2" or value is not None:
            problems += _number_problems(name, value, limit)
    return problems + _image_problems(task, entry)


def _size_problems(task: GenerationTask) -> list[_Problem]:
    """What is longer than anybody writes by hand."""
    problems = []
    for name in ("prompt", "negative_prompt"):
        value = getattr(task, name)
        if isinstance(value, str) and len(value) > MOST_PROMPT:
            said = say("wan.task.prompt_too_long", field=name, count=len(value), most=MOST_PROMPT)
            problems.append(_Problem(name, said, say("wan.task.shorten", most=MOST_PROMPT)))
    if isinstance(task.selected_loras, Mapping) and len(task.selected_loras) > MOST_LORAS:
        said = say("wan.task.too_many_loras", count=len(task.selected_loras), most=MOST_LORAS)
        problems.append(_Problem("selected_loras", said, say("wan.task.take_out", most=MOST_LORAS)))
    return problems


def _number_problems(name: str, value: Any, limit: Limit) -> list[_Problem]:
    if refusal := limit.refusal(name, value):
        return [_Problem(name, refusal, limit.advice)]
    near = limit.neighbours(value) if limit.stride > 1 else None
    if near is None:
        return []
    places = {"field": name, "value": value, "below": near[0], "above": near[1]}
    said = (
        say("wan.task.multiple", **places, multiple=limit.stride)
        if limit.first == 0
        else say("wan.task.stride", **places, stride=limit.stride, first=limit.first)
    )
    return [_Problem(name, said, say("wan.task.use_either", below=near[0], above=near[1]))]


def _image_problems(task: GenerationTask, entry: ModelEntry) -> list[_Problem]:
    if entry.image == "required" and not task.image:
        said = say("wan.task.needs_picture", model=entry.title)
        return [_Problem("image", said, say("wan.task.choose_picture"))]
    if entry.image == "none" and task.image:
        said = say("wan.task.takes_no_picture", model=entry.title)
        return [_Problem("image", said, say("wan.task.remove_picture"))]
    if task.image and not _is_file(task.image):
        said = say("wan.task.no_picture", file=task.image)
        return [_Problem("image", said, say("wan.task.choose_again"))]
    return []


def _is_file(path: Any) -> bool:
    try:
        return Path(path).is_file()
    except (TypeError, ValueError):  # no text, or with a NUL in it
        return False
