"""Opening: what the page shows before there is a video, where the model's folder has it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.models import OPENING

MOST_BYTES = 10_000
Count = Annotated[int, Field(ge=1, le=100_000)]


class Opening(BaseModel):
    """How the two videos were made."""

    model_config = ConfigDict(extra="forbid")

    prompt: str
    seed: int
    selected_loras: dict[str, float]
    width: Count
    height: Count
    frames: Count
    fps: Count


def opening(settings: Settings) -> dict[str, Any] | None:
    """The two videos of the default model's ready example, JSON-ready.

    None where there are none, or where they are of another example.
    """
    model = settings.default_model
    ready = settings.model(model).opens_with
    found = _read(settings, model)
    if ready is None or found is None:
        return None
    shown = (found.prompt, found.seed, found.selected_loras)
    if shown != (ready.prompt, ready.seed, dict(ready.selected_loras)):
        return None
    return {"model": model, **found.model_dump()}


def _read(settings: Settings, model: str) -> Opening | None:
    path = settings.model_folder(model) / OPENING / f"{OPENING}.json"
    try:
        with path.open("rb") as file:
            return Opening.model_validate_json(file.read(MOST_BYTES))
    except (OSError, ValidationError):
        return None
