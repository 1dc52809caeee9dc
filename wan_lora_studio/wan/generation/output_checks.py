"""Output checks: latents and frames that are nothing to go on with fail the run, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wan_lora_studio.errors import GenerationError
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
        return f"step {self.step} of {self.steps} ({self.expert} noise)"

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
        f"{where.words.capitalize()} gave NaN or infinite values; {_loras(where)}.",
        cause=_why(where, "the numbers grew beyond what the model can compute with"),
        suggestions=_what_next(where),
        context=where.context("sample"),
    )


def require_finite_frames(video: Tensor, where: Whereabouts) -> None:
    """The same for what the decoder gave."""
    if bool(torch.isfinite(video).all()):
        return
    raise GenerationError(
        f"The decoded video holds NaN or infinite values, after {where.words}; {_loras(where)}.",
        cause=_why(where, "the last step's numbers are finite, yet too large to be decoded"),
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
    name = "black" if max(colour) <= ONE_COLOUR else f"one colour (RGB {colour})"
    raise GenerationError(
        f"The result is all {name}, after {where.words}; {_loras(where)}.",
        cause=_why(where, "the model was driven out of the range in which it makes pictures"),
        suggestions=_what_next(where),
        context={**where.context("decode"), "colour": colour},
    )


def _loras(where: Whereabouts) -> str:
    return f"LoRAs in force: {', '.join(where.loras) or 'none'}"


def _why(where: Whereabouts, otherwise: str) -> str:
    if not where.loras:
        return f"No LoRA was in force: {otherwise}."
    return f"Most likely a LoRA is damaged or too strong: {otherwise}."


def _what_next(where: Whereabouts) -> list[str]:
    if where.loras:
        return [
            "Lower the strengths, or leave LoRAs out one by one to find the one that causes it.",
            "If a strength of 0 helps, download that LoRA's file again.",
        ]
    return [
        "Generate again with the model's default steps, guidance and flow shift.",
        "If that fails too, the model's files may be damaged: download them again.",
    ]
