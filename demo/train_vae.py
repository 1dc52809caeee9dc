"""Training of the video autoencoder, mostly on small crops since it is convolutional."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor
from torch.nn import functional

from demo.effects import PLAIN, Look, render
from demo.fast_norm import use_fast_norms
from demo.optim import optimizers
from demo.parallel import average_gradients
from demo.world import (
    BACKGROUNDS,
    COLOURS,
    DIRECTIONS,
    FRAMES,
    SHAPES,
    SIZE,
    Scenes,
    Window,
    centres,
    place,
)

LATENT_CHANNELS = 16
LATENT_NOISE = 0.05  # standard deviation added to latents, which are kept near unit size
Crop = tuple[int, int, int]  # side in pixels, frames, clips per worker
# Still pictures first, then motion, then larger and longer crops: (until this share of the
# steps, the crops drawn from)
PHASES: tuple[tuple[float, tuple[Crop, ...]], ...] = (
    (0.18, ((32, 1, 16), (32, 1, 16), (64, 1, 4))),
    (0.55, ((32, 5, 8), (32, 5, 8), (32, 5, 8), (48, 9, 3))),
    (1.01, ((32, 5, 8), (32, 17, 3), (48, 17, 1), (48, 9, 3), (64, 17, 1))),
)
ADAM_LAYERS = ("conv_in", "conv_out", "quant_conv")


@dataclass(frozen=True)
class VAESchedule:
    """How long and how fast to train; the cosine may run past the last step."""

    steps: int
    horizon: int  # steps after which the learning rate would reach zero
    rate: float
    seed: int
    progress: float = 0.0  # where in PHASES the first step stands
    warmup_steps: int = 30


# Each part starts from the weights of the one before; the learning rate falls faster and faster.
PARTS = (
    VAESchedule(steps=1200, horizon=2400, rate=0.02, seed=1),
    VAESchedule(steps=200, horizon=700, rate=0.011, seed=2, progress=0.56),
    VAESchedule(steps=220, horizon=220, rate=0.009, seed=3, progress=0.56, warmup_steps=10),
)


def new_vae() -> AutoencoderKLWan:
    """An untrained autoencoder: 4x in time, 8x8 in space."""
    return AutoencoderKLWan(
        base_dim=16,
        z_dim=LATENT_CHANNELS,
        dim_mult=[1, 1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * LATENT_CHANNELS,
        latents_std=[1.0] * LATENT_CHANNELS,
    )


def any_scenes(batch: int, rng: torch.Generator) -> Scenes:
    """Scenes with attributes drawn independently of each other."""
    sizes = (len(COLOURS), len(SHAPES), len(DIRECTIONS), len(BACKGROUNDS))
    attributes = torch.stack([torch.randint(n, (batch,), generator=rng) for n in sizes], 1)
    return place(attributes, rng)


def any_look(rng: torch.Generator) -> Look:
    """Plain in about seven of ten draws, else one effect or two at once."""
    draw = torch.rand(5, generator=rng)
    if draw[0] < 0.68:
        return PLAIN
    one = int(draw[1] * 4)
    also = int(draw[2] * 4) if draw[3] < 0.25 else one
    on = {one, also}
    return Look(neon=0 in on, trail=1 in on, golden=2 in on, mosaic=8 * (3 in on))


def crop_batch(side: int, frames: int, batch: int, rng: torch.Generator) -> Tensor:
    """Crops [batch, 3, frames, side, side] near the moving shape, in -1..1."""
    scenes = any_scenes(batch, rng)
    first = torch.randint(FRAMES - frames + 1, (batch,), generator=rng)
    middle = centres(scenes, (first + frames // 2)[:, None].float())[:, 0]
    spread = torch.rand(batch, 2, generator=rng) * 2 - 1
    corner = middle + spread * (side * 0.3 + scenes.radius[:, None]) - side / 2
    corner = ((corner / 8).round() * 8).clamp(0, SIZE - side)
    window = Window(corner[:, 0], corner[:, 1], first, side, side, frames)
    return render(scenes, window, any_look(rng))


def reconstruct(vae: AutoencoderKLWan, video: Tensor, noise: float = 0.0) -> tuple[Tensor, Tensor]:
    """Reconstruction and latents; noise is added to the latents before decoding."""
    latents = vae.encode(video).latent_dist.mode()
    return vae.decode(latents + noise * torch.randn_like(latents)).sample, latents


@torch.no_grad()
def psnr(vae: AutoencoderKLWan, videos: Tensor) -> float:
    """Mean PSNR in dB over whole clips [N, 3, F, H, W] in -1..1."""
    values = []
    for video in videos:
        decoded = vae.decode(vae.encode(video[None]).latent_dist.mode()).sample[0].clamp(-1, 1)
        values.append(10 * math.log10(4.0 / float(functional.mse_loss(decoded, video))))
    return sum(values) / len(values)


def held_out_clips(count: int, look: Look = PLAIN, seed: int = 900_001) -> Tensor:
    """Whole clips that no training seed draws."""
    return render(any_scenes(count, torch.Generator().manual_seed(seed)), None, look)


def train_vae(rank: int, path: Path, schedule: VAESchedule, start: Path | None = None) -> None:
    """Train one worker's share; worker 0 saves to `path` and reports as it goes."""
    torch.manual_seed(schedule.seed)
    vae = AutoencoderKLWan.from_pretrained(start) if start else new_vae()
    use_fast_norms(vae)
    trained = [p for p in vae.parameters() if p.requires_grad]
    optimizer = optimizers(vae, schedule.rate, ADAM_LAYERS)
    shared = torch.Generator().manual_seed(schedule.seed)
    own = torch.Generator().manual_seed(schedule.seed * 1000 + rank)
    clips = held_out_clips(4)
    begin, running = time.monotonic(), 0.0
    for step in range(1, schedule.steps + 1):
        video = crop_batch(*_crop(step, schedule, shared), own)
        decoded, latents = reconstruct(vae, video, LATENT_NOISE)
        error = functional.l1_loss(decoded, video) + 2 * functional.mse_loss(decoded, video)
        size = (latents.square().mean((0, 2, 3, 4)) - 1).clamp(min=0).mean()
        torch.autograd.backward(error + 0.01 * size)
        average_gradients(trained)
        optimizer.step(_pace(step, schedule))
        running = error.item() if step == 1 else 0.98 * running + 0.02 * error.item()
        if rank == 0 and step % 50 == 0:
            minutes = (time.monotonic() - begin) / 60
            print(f"vae step {step} {minutes:.1f} min error {running:.4f}", flush=True)
        if rank == 0 and (step % 200 == 0 or step == schedule.steps):
            vae.save_pretrained(path)
            print(f"vae step {step}: {psnr(vae, clips):.2f} dB on held-out clips", flush=True)


def _crop(step: int, schedule: VAESchedule, rng: torch.Generator) -> Crop:
    """The crop of this step, the same in every worker."""
    progress = schedule.progress + (1 - schedule.progress) * step / schedule.horizon
    crops = next(crops for until, crops in PHASES if progress <= until)
    return crops[int(torch.randint(len(crops), (1,), generator=rng))]


def _pace(step: int, schedule: VAESchedule) -> float:
    """Learning rate factor: a short warm-up, then half a cosine."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / schedule.horizon))
    return max(0.005, cosine * min(1.0, step / schedule.warmup_steps))
