"""Output checks: latents and frames that are nothing to go on with fail the run, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.texts import say
from wan_lora_studio.wan.generation.video_file import Frames

# The most by which a channel may vary over all pixels of all frames of "one colour", of 255. The
# decoder leaves such a grain on constant latents; the darkest scene with anything in it has more.
ONE_COLOUR = 2


@dataclass(frozen=True)
class Whereabouts:
    """Where a run is: the last step, its expert, and the LoRAs in force."""

    step: int
    steps: int
    expert: str
    loras: Sequence[str]

    @property
    def words(self) -> str:
        return say("wan.generation.checks.where", **self.places)

    @property
    def places(self) -> dict[str, object]:
        """What a text says of it."""
        return {"step": self.step, "steps": self.steps, "expert": self.expert}

    def context(self, stage: str) -> dict[str, object]:
        return {
            "stage": stage,
            "step": self.step,
            "expert": self.expert,
            "loras": list(self.loras),
        }


def require_finite_latents(latents: Tensor, where: Whereabouts) -> None:
    """Raise GenerationError that names step, expert and LoRAs for a NaN or an infinite value.

    The pipeline asks the device for the next timestep right after this, and so waits for the
    step anyway; looking at the latents, which are small, costs nothing that could be measured.
    """
    if bool(torch.isfinite(latents).all()):
        return
    raise GenerationError(
        say("wan.generation.checks.latents", **where.places, loras=_loras(where)),
        cause=_why(where, say("wan.generation.checks.latents_cause")),
        suggestions=_what_next(where),
        context=where.context("sample"),
    )


def require_finite_frames(video: Tensor, where: Whereabouts) -> None:
    """The same for what the decoder gave."""
    if bool(torch.isfinite(video).all()):
        return
    raise GenerationError(
        say("wan.generation.checks.frames", where=where.words, loras=_loras(where)),
        cause=_why(where, say("wan.generation.checks.frames_cause")),
        suggestions=_what_next(where),
        context=where.context("decode"),
    )


def require_picture(frames: Frames, where: Whereabouts) -> None:
    """Raise GenerationError for a video of one colour; however dark, a picture passes.

    `frames`: [frames, height, width, 3].
    """
    low, high = frames.min(axis=(0, 1, 2)), frames.max(axis=(0, 1, 2))
    if int((high - low).max()) > ONE_COLOUR:
        return
    colour = [int(value) for value in np.round((low.astype(int) + high) / 2)]
    said = {"where": where.words, "loras": _loras(where)}
    raise GenerationError(
        say("wan.generation.checks.black", **said)
        if max(colour) <= ONE_COLOUR
        else say("wan.generation.checks.one_colour", **said, colour=f"RGB {colour}"),
        cause=_why(where, say("wan.generation.checks.picture_cause")),
        suggestions=_what_next(where),
        context={**where.context("decode"), "colour": colour},
    )


def _loras(where: Whereabouts) -> str:
    return ", ".join(where.loras) or say("wan.generation.checks.no_loras")


def _why(where: Whereabouts, otherwise: str) -> str:
    if not where.loras:
        return say("wan.generation.checks.without_lora", problem=otherwise)
    return say("wan.generation.checks.likely_lora", problem=otherwise)


def _what_next(where: Whereabouts) -> list[str]:
    if where.loras:
        return [
            say("wan.generation.checks.lower_strengths"),
            say("wan.generation.checks.download_lora"),
        ]
    return [
        say("wan.generation.checks.defaults"),
        say("wan.generation.checks.download_model"),
    ]
