"""Task forms: from the generate tab's form to a task."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, model_validator

from wan_lora_studio.errors import RequestError
from wan_lora_studio.grid import Grid
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.lora.selection import LoRASets
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.ui.forms.input_pictures import PictureStore
from wan_lora_studio.wan.task import GenerationTask

WHOLE = ("width", "height", "num_frames", "fps", "steps", "seed")
EMPTY = (None, "")
TASK_FIELDS = [item.name for item in dataclasses.fields(GenerationTask)]
SET = "set"  # the name of a LoRA set, which stands for what it holds
KEPT = ("prompt", SET)  # what an empty one of them means is no default of the model
FORM_FIELDS = [*TASK_FIELDS, SET]
MOST_NAMED = 20


class PartForm(BaseModel):
    """One video of a batch."""

    label: str = Field(default="", max_length=200, description="What to call it.")
    changes: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of the task that differ for this video, such as seed or prompt.",
    )
    preview_of: str = Field(
        default="",
        max_length=500,
        description="Name of a LoRA: once made, the video becomes its picture and its clip.",
    )


class Submission(BaseModel):
    """A video to make, or a batch of them. The fields of a task alone are taken as well."""

    task: dict[str, Any] = Field(
        description="Fields of a generation task. model_type and prompt are enough; what is left"
        " out is the model's default. `image` is the id of a stored picture, or `{id, fit, box}`:"
        " fit is crop, with box {x, y, width, height} in fractions of the picture, or pad."
        " `set` names a LoRA set; the prompt and selected_loras win over it.",
        examples=[{"model_type": "demo", "prompt": "a red circle moving left", "seed": 7}],
    )
    parts: list[PartForm] = Field(
        default_factory=list,
        description="One video for each: seeds, strengths, prompts or anything else of a task.",
    )
    grid: Any = Field(
        default=None,
        description="In place of parts: `{x, y}`, the axes along which the task is varied, `y` null"
        " for one axis. An axis is `{of, lora, values}`; `of` is strength, lora, expert, loras,"
        " seed, prompt, steps or accelerator.",
        examples=[{"x": {"of": "seed", "values": [1, 2, 3]}, "y": None}],
    )
    priority: int = Field(default=0, ge=-100, le=100, description="A higher one runs first.")

    @model_validator(mode="before")
    @classmethod
    def _task_alone(cls, data: Any) -> Any:
        return {"task": data} if isinstance(data, dict) and "task" not in data else data


MOST_DIGITS = 20  # of a seed; a longer one is refused as the text that it is


class TaskForms:
    """Makes tasks of what a form or a program sends.

    `image` is the id of a stored picture, never a path. It is cut to the video's size, which is
    the model's where none is given. Raises RequestError for what is not a task's field.
    """

    def __init__(self, pictures: PictureStore, settings: Settings) -> None:
        self._pictures, self._models = pictures, settings.models
        self._sets = LoRASets(settings)

    def batch(self, form: Submission) -> tuple[GenerationTask, list[Part]]:
        """The task and the parts that the form asks for; the queue checks them.

        Empty fields mean the model's default, for a part's seed a new random one. The task of a
        result may be sent as it is: it gets an id of its own.
        """
        values = {"prompt": "", **self._values(form.task, {})}
        values.pop("id", None)
        if "model_type" not in values:
            raise RequestError(
                say("ui.forms.no_model"),
                suggestions=[say("ui.forms.give_model", models=", ".join(self._models))],
                context={"missing": ["model_type"], "status": 422},
            )
        return GenerationTask.from_dict(values), self.parts(form.parts, form.task)

    def grid(self, form: Submission) -> Grid | None:
        """The axes that the form asks for; None for none."""
        if form.grid is None:
            return None
        if form.parts:
            raise RequestError(
                say("ui.forms.parts_and_grid"),
                suggestions=[say("ui.forms.leave_parts")],
            )
        return Grid.read(form.grid)

    def parts(self, forms: Sequence[PartForm], base: Mapping[str, Any]) -> list[Part]:
        """What the parts change of `base`, the fields of a task."""
        for number, form in enumerate(forms, 1):
            require_known(form.changes, number)
        return [
            Part(form.label, self.changes(form.changes, base), form.preview_of) for form in forms
        ]

    def changes(self, changes: dict[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
        """Changed fields of `base`; an empty one is set to None, the model's default."""
        emptied = [key for key, value in changes.items() if value in EMPTY and key not in KEPT]
        return {**dict.fromkeys(emptied), **self._values(changes, base)}

    def _values(self, form: dict[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
        """A task's fields as Python has them."""
        require_known(form)
        form = self._with_set(form)
        values = {key: _value(key, value) for key, value in form.items() if value not in EMPTY}
        if "image" in values:
            size = self._size({**base, **form})
            values["image"] = str(self._pictures.cut(values["image"], *size))
        if form.get("negative_prompt") == "":
            values["negative_prompt"] = ""
        return values

    def _with_set(self, form: dict[str, Any]) -> dict[str, Any]:
        """The fields with what a set holds that they name. Raises LoRAError for an unknown set."""
        name, own = form.get(SET), form.get("selected_loras")
        fields = {key: value for key, value in form.items() if key != SET}
        if name in EMPTY or not (own in EMPTY or isinstance(own, Mapping)):
            return fields
        held = {item.name: item.strength for item in self._sets.get(str(name)) if item.on}
        return {**fields, "selected_loras": {**held, **(own or {})}}

    def _size(self, fields: Mapping[str, Any]) -> tuple[Any, Any]:
        entry = self._models.get(str(fields.get("model_type")))
        width, height = (
            getattr(entry, side, None) if fields.get(side) in EMPTY else _value(side, fields[side])
            for side in ("width", "height")
        )
        return width, height


def require_known(fields: Mapping[str, Any], part: int | None = None) -> None:
    """Raises RequestError that names every field that no task has, with one that is close. `part`
    is the number of the part whose fields they are."""
    unknown = [name for name in fields if name not in FORM_FIELDS]
    if unknown:
        named = ", ".join(map(repr, unknown[:MOST_NAMED]))
        close = {name: difflib.get_close_matches(name, FORM_FIELDS, n=1) for name in unknown}
        raise RequestError(
            say("ui.forms.no_field", fields=named)
            if part is None
            else say("ui.forms.no_field_in_part", part=part, fields=named),
            cause=say("ui.forms.no_field_cause"),
            suggestions=[
                say("ui.forms.did_you_mean", name=found[0]) for found in close.values() if found
            ][:MOST_NAMED]
            or [say("ui.forms.see_docs")],
            context={"unknown": unknown[:MOST_NAMED], "status": 422},
        )


def _value(key: str, value: Any) -> Any:
    """JavaScript has one kind of number; a whole one is meant as a whole one."""
    text = value.strip() if isinstance(value, str) else ""
    if key == "seed" and text.isdecimal() and len(text) <= MOST_DIGITS:
        return int(text)
    if key in WHOLE and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
