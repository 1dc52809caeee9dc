"""Example prompts, one set for each kind of model."""

from __future__ import annotations

from utils import Settings

COUNT = 4
DEMO = (
    "a red circle moving left on a navy background",
    "a yellow square moving up on a gray background",
    "a green triangle moving right on a black background",
    "a white circle moving down on a navy background",
)
TEXT = (
    "A paper boat drifts along a rain-soaked street at dusk, close-up, soft reflections",
    "A lighthouse above a stormy sea, waves breaking in slow motion, wide shot, overcast light",
    "An elderly potter shapes a bowl on a spinning wheel, warm window light, shallow focus",
    "A red fox trots through fresh snow at sunrise, camera following at its side",
)
IMAGE = (
    "The camera moves slowly closer while the light changes from noon to evening",
    "A gentle wind moves the hair and the leaves in the background",
    "The person turns to the camera and smiles",
    "Clouds drift by as the camera circles slowly to the left",
)


def examples(settings: Settings, model_type: str) -> tuple[str, ...]:
    """`COUNT` prompts that suit the model."""
    row = settings.models[model_type]
    if row.architecture == "demo":
        return DEMO
    return IMAGE if row.image == "required" else TEXT
