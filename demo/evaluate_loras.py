"""Measures what each demo LoRA does to the video at strengths 0, 0.5 and 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from diffusers import WanPipeline
from torch import Tensor

from demo import captions, split
from demo.analysis import blockiness, hollowness, look_at, trail, warmth
from demo.evaluate import Sampling, decode, make_latents, make_videos
from demo.merge import merged

STRENGTHS = (0.0, 0.5, 1.0)
PROMPTS = 16
FEW_STEPS = Sampling(steps=4, guidance=1.0)


@dataclass(frozen=True)
class Effect:
    """A LoRA's files and the measure that its effect raises."""

    title: str
    files: tuple[str, ...]
    measure: Callable[[Tensor], float]
    trigger: str


EFFECTS: dict[str, Effect] = {
    "neon_outline": Effect(
        "hollowness",
        ("neon_outline_high_noise.safetensors", "neon_outline_low_noise.safetensors"),
        hollowness,
        captions.TRIGGERS["neon_outline"],
    ),
    "pixel_mosaic": Effect(
        "blockiness", ("pixel_mosaic.safetensors",), blockiness, captions.TRIGGERS["pixel_mosaic"]
    ),
    "golden_hour": Effect(
        "red minus blue", ("golden_hour.safetensors",), warmth, captions.TRIGGERS["golden_hour"]
    ),
    "motion_trail": Effect(
        "behind minus ahead",
        ("motion_trail.safetensors",),
        trail,
        captions.TRIGGERS["motion_trail"],
    ),
}
ACCELERATOR = (
    "lightning_4step_high_noise.safetensors",
    "lightning_4step_low_noise.safetensors",
)


def effect_prompts(count: int = PROMPTS) -> list[str]:
    """Held-out scenes, without any trigger word."""
    _, held_out = split.combinations()
    return [captions.canonical(row) for row in held_out[:count].tolist()]


def effect_by_strength(
    pipeline: WanPipeline,
    loras: Path,
    effect: Effect,
    base: Tensor,
    *,
    sampling: Sampling,
    strengths: tuple[float, ...] = STRENGTHS,
) -> list[list[float]]:
    """The measure per strength and prompt; `base` holds the videos without a LoRA."""
    prompts = effect_prompts(len(base))
    rows = []
    for strength in strengths:
        videos = base
        if strength:
            with merged(pipeline, [loras / name for name in effect.files], strength):
                videos = make_videos(pipeline, prompts, sampling)
        rows.append([effect.measure(video) for video in videos])
    return rows


def in_order(rows: list[list[float]]) -> int:
    """Number of prompts whose measure rises with every strength."""
    return sum(
        all(low < high for low, high in pairwise(column)) for column in zip(*rows, strict=True)
    )


@dataclass(frozen=True)
class FewSteps:
    """Four-step results at one strength against the guided 20-step results."""

    strength: float
    distance: float  # root mean square over latents
    accuracy: dict[str, float]


def few_steps_by_strength(
    pipeline: WanPipeline, loras: Path, sampling: Sampling, count: int = PROMPTS
) -> list[FewSteps]:
    """Distance of four unguided steps to the full sampler, same seeds, by strength."""
    _, held_out = split.combinations()
    wanted, prompts = held_out[:count].tolist(), effect_prompts(count)
    full = make_latents(pipeline, prompts, sampling)
    results = []
    for strength in STRENGTHS:
        with merged(pipeline, [loras / name for name in ACCELERATOR], strength):
            latents = make_latents(pipeline, prompts, FEW_STEPS)
        seen = [
            look_at(video).hits(row)
            for video, row in zip(decode(pipeline, latents), wanted, strict=True)
        ]
        shares = torch.tensor(seen).float().mean(0).tolist()
        distance = float((latents - full).square().mean().sqrt())
        results.append(
            FewSteps(strength, distance, dict(zip(split.ATTRIBUTES, shares, strict=True)))
        )
    return results
