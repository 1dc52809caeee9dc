"""Measures the demo model: autoencoder quality, and prompts against decoded videos."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from diffusers import WanPipeline
from torch import Tensor

from demo import captions, split
from demo.analysis import look_at
from demo.train_vae import held_out_clips, psnr
from demo.world import FRAMES, SIZE

STEPS = 20
GUIDANCE = 4.0
BATCH = 8
SEED = 42


@dataclass(frozen=True)
class Sampling:
    """How the pipeline is asked for videos."""

    steps: int = STEPS
    guidance: float = GUIDANCE


def generators(first: int, count: int) -> list[torch.Generator]:
    """One seeded generator per video, so that a video does not depend on its batch."""
    return [torch.Generator().manual_seed(SEED + first + i) for i in range(count)]


def make_latents(
    pipeline: WanPipeline, prompts: list[str], sampling: Sampling, first: int = 0
) -> Tensor:
    """Final latents [N, C, 5, 16, 16], as the pipeline hands them to the autoencoder."""
    pipeline.set_progress_bar_config(disable=True)
    parts = []
    for begin in range(0, len(prompts), BATCH):
        batch = prompts[begin : begin + BATCH]
        parts.append(
            pipeline(
                prompt=batch,
                height=SIZE,
                width=SIZE,
                num_frames=FRAMES,
                num_inference_steps=sampling.steps,
                guidance_scale=sampling.guidance,
                generator=generators(first + begin, len(batch)),
                output_type="latent",
            ).frames
        )
    return torch.cat(parts)


@torch.no_grad()
def decode(pipeline: WanPipeline, latents: Tensor) -> Tensor:
    """Videos [N, F, H, W, 3] in 0..1."""
    mean = torch.tensor(pipeline.vae.config.latents_mean).view(1, -1, 1, 1, 1)
    std = torch.tensor(pipeline.vae.config.latents_std).view(1, -1, 1, 1, 1)
    videos = [pipeline.vae.decode(one[None] * std + mean).sample[0] for one in latents]
    return ((torch.stack(videos).clamp(-1, 1) + 1) / 2).permute(0, 2, 3, 4, 1)


def make_videos(
    pipeline: WanPipeline, prompts: list[str], sampling: Sampling, first: int = 0
) -> Tensor:
    """Videos [N, F, H, W, 3] in 0..1, one per prompt."""
    return decode(pipeline, make_latents(pipeline, prompts, sampling, first))


def prompt_accuracy(
    pipeline: WanPipeline, sampling: Sampling, count: int = split.HELD_OUT
) -> dict[str, float]:
    """Share of held-out prompts for which each attribute is seen in the video."""
    _, held_out = split.combinations()
    wanted = held_out[:count].tolist()
    videos = make_videos(pipeline, [captions.canonical(row) for row in wanted], sampling)
    hits = torch.tensor(
        [look_at(video).hits(row) for video, row in zip(videos, wanted, strict=True)]
    )
    return dict(zip(split.ATTRIBUTES, hits.float().mean(0).tolist(), strict=True))


def vae_quality(pipeline: WanPipeline, count: int = 12) -> float:
    """PSNR in dB over held-out clips."""
    return psnr(pipeline.vae, held_out_clips(count, seed=900_777))


def seconds_per_video(pipeline: WanPipeline, sampling: Sampling) -> float:
    """Wall time of one video, model loaded, on the threads torch has."""
    make_videos(pipeline, ["a red circle moving left on a navy background"], Sampling(1, 1.0))
    begin = time.monotonic()
    make_videos(pipeline, ["a red circle moving left on a navy background"], sampling)
    return time.monotonic() - begin
