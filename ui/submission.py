"""From the generate tab's form to a task."""

from __future__ import annotations

import dataclasses
from typing import Any

from ui.pictures import PictureStore
from utils import GenerationTask, LoRAManager

BYTES_PER_MB = 1e6
WHOLE = ("width", "height", "num_frames", "fps", "steps", "seed")


def task_from_form(
    form: dict[str, Any], loras: LoRAManager, pictures: PictureStore
) -> GenerationTask:
    """The task that the form asks for, with every default filled in.

    `form` holds a task's fields; `image` is the id of a stored picture, never a path. Empty
    fields mean the model's default. Raises GenerationError that names every problem, and a
    LoRAError for LoRAs that are not in the library, cannot be read or don't fit the model.
    """
    values = {key: _value(key, value) for key, value in form.items() if value not in (None, "")}
    values.setdefault("prompt", "")
    if "image" in values:
        values["image"] = str(pictures.file(str(values["image"])))
    if form.get("negative_prompt") == "":
        values["negative_prompt"] = ""
    task = loras.checked(GenerationTask.from_dict(values))
    return dataclasses.replace(task, **_lora_facts(task, loras))


def _lora_facts(task: GenerationTask, loras: LoRAManager) -> dict[str, Any]:
    """What the result's metadata keeps of the LoRAs as they are now, with the estimates."""
    records = {name: loras.record(name) for name in task.selected_loras}
    cost = loras.estimate_memory_impact(list(records), model_type=task.model_type)
    return {
        "lora_memory_usage": cost["total_mb"] * BYTES_PER_MB,
        "lora_load_time": cost["load_seconds"],
        "lora_metadata": {name: record["metadata"] for name, record in records.items()},
    }


def _value(key: str, value: Any) -> Any:
    """JavaScript has one kind of number; a whole one is meant as a whole one."""
    if key == "seed" and isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if key in WHOLE and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
