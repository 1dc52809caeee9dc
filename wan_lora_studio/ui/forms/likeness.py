"""Likeness: what is taken over from a video that is to be made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results import hashed_records, read_facts, restore
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models import installed_fingerprint
from wan_lora_studio.wan.weights import precision_of

if TYPE_CHECKING:
    from wan_lora_studio.results import Restored, VideoFacts


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
            say("ui.forms.video_unreadable", path=path, reason=error.strerror),
            suggestions=[say("ui.forms.give_like")],
        ) from error
    restored = restored_here(facts, settings, loras)
    fields = {name: value for name, value in restored.fields.items() if value is not None}
    image = facts.task.get("image")
    if image:
        fields["image"] = image
    notes = [*restored.notes, *(_missing(item) for item in restored.missing)]
    return Likeness(fields, restored.selected_loras, notes)


def restored_here(facts: VideoFacts, settings: Settings, loras: LoRAManager) -> Restored:
    """With the library and the model's files as they are here."""
    model = facts.task.get("model_type", "")
    fingerprint = installed_fingerprint(settings, model) if facts.fingerprint else None
    row = settings.models.get(model)
    precision = precision_of(row, settings.weight_files(model)) if row else ""
    return restore(facts, hashed_records(facts, loras), settings, fingerprint, precision)


def _missing(lora: dict[str, Any]) -> str:
    hashes = ", ".join([*lora["sha256"].values(), *lora["hashes"]])
    if not hashes:
        return say("ui.forms.lora_lacking_unknown", name=lora["name"])
    return say("ui.forms.lora_lacking", name=lora["name"], hashes=hashes)
