"""From the generate tab's form to a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field, model_validator

from ui.pictures import PictureStore
from utils import GenerationTask, Part

WHOLE = ("width", "height", "num_frames", "fps", "steps", "seed")


class PartForm(BaseModel):
    """One video of a batch."""

    label: str = Field(default="", max_length=200, description="What to call it.")
    changes: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the task that differ for this video, such as seed or prompt.",
    )


class Submission(BaseModel):
    """A video to make, or a batch of them. The fields of a task alone are taken as well."""

    task: dict[str, Any] = Field(
        description="Fields of a generation task. model_type and prompt are enough; what is left"
        " out is the model's default. `image` is the id of a stored picture, or `{id, fit, box}`:"
        " fit is crop, with box {x, y, width, height} in fractions of the picture, or pad.",
        examples=[{"model_type": "demo", "prompt": "a red circle moving left", "seed": 7}],
    )
    parts: list[PartForm] = Field(
        default_factory=list,
        description="One video for each: seeds, strengths, prompts or anything else of a task.",
    )
    priority: int = Field(default=0, ge=-100, le=100, description="A higher one runs first.")

    @model_validator(mode="before")
    @classmethod
    def _task_alone(cls, data: Any) -> Any:
        return {"task": data} if isinstance(data, dict) and "task" not in data else data


def batch_from_form(form: Submission, pictures: PictureStore) -> tuple[GenerationTask, list[Part]]:
    """The task and the parts that the form asks for; the queue checks them.

    `image` is the id of a stored picture, never a path. Empty fields mean the model's default,
    for a part's seed a new random one. The task of a result may be sent as it is: it gets an id
    of its own. Raises GenerationError for what is not a task's field.
    """
    values = {"prompt": "", **_values(form.task, pictures)}
    values.pop("id", None)
    return GenerationTask.from_dict(values), parts_from_forms(form.parts, pictures)


def parts_from_forms(forms: Sequence[PartForm], pictures: PictureStore) -> list[Part]:
    return [Part(form.label, changes_from_form(form.changes, pictures)) for form in forms]


def changes_from_form(changes: dict[str, Any], pictures: PictureStore) -> dict[str, Any]:
    """Changed fields of a task; an empty one is set to None, the model's default."""
    emptied = [key for key, value in changes.items() if value in (None, "") and key != "prompt"]
    return {**dict.fromkeys(emptied), **_values(changes, pictures)}


def _values(form: dict[str, Any], pictures: PictureStore) -> dict[str, Any]:
    """A task's fields as Python has them."""
    values = {key: _value(key, value) for key, value in form.items() if value not in (None, "")}
    if "image" in values:
        size = values.get("width"), values.get("height")
        values["image"] = str(pictures.cut(values["image"], *size))
    if form.get("negative_prompt") == "":
        values["negative_prompt"] = ""
    return values


def _value(key: str, value: Any) -> Any:
    """JavaScript has one kind of number; a whole one is meant as a whole one."""
    if key == "seed" and isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if key in WHOLE and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
