"""What a task must pass before it is queued, and what is noted of its LoRAs then."""

from __future__ import annotations

import dataclasses
from typing import Any

from wan_lora_studio.units import MB
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationTask


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
