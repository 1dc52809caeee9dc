"""What a command takes over from a video that is to be made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils import GenerationError, LoRAManager, Settings, read_facts, restore


@dataclass(frozen=True)
class Likeness:
    """Fields of a task, its LoRAs, and what of the video could not be taken over, in words."""

    fields: dict[str, Any]
    selected_loras: dict[str, Any]
    notes: list[str]


def from_video(path: Path, settings: Settings, loras: LoRAManager) -> Likeness:
    """Raises GenerationError if the file cannot be read or holds no settings."""
    try:
        with path.open("rb") as file:
            facts = read_facts(file)
    except OSError as error:
        raise GenerationError(
            f"{path} cannot be read: {error.strerror}.",
            suggestions=["Give --like an MP4 that carries its settings, or the JSON beside it."],
        ) from error
    records = loras.list_available_loras()
    for lora in facts.loras:  # so that a file of this name but with other contents is noticed
        if lora.sha256 and records.get(lora.name, {}).get("status") == "ok":
            loras.sha256(lora.name)
    restored = restore(facts, loras.list_available_loras(), settings)
    fields = {name: value for name, value in restored.fields.items() if value is not None}
    image = facts.task.get("image")
    if image:
        fields["image"] = image
    notes = [*restored.notes, *(_missing(item) for item in restored.missing)]
    return Likeness(fields, restored.selected_loras, notes)


def _missing(lora: dict[str, Any]) -> str:
    hashes = ", ".join(lora["sha256"].values()) or "of unknown hash"
    return f"The library lacks the LoRA {lora['name']} ({hashes}); it is left out."
