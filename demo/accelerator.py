"""The four-step accelerator: each expert learns where the guided 20-step sampler ends up.

Pairs of starting noise and the teacher's final latent are made first. The student then sees
the noise levels of a four-step schedule, on the straight line between the two or where its
own earlier steps led, and is asked for the velocity that points at the teacher's result.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import WanPipeline, WanTransformer3DModel
from torch import Tensor, nn

from demo import captions, split
from demo.adapters import LayerFactors, add_adapter, factors, trainable
from demo.diffusion import (
    LATENT_SHAPE,
    Expert,
    noised,
    velocity,
    with_prompt_bias,
)
from demo.latents import Prompts
from demo.train_loras import load_experts
from demo.world import FRAMES, SIZE

TEACHER_STEPS = 20
TEACHER_GUIDANCE = 4.0
# Noise levels that four steps at flow shift 3 visit, by expert.
LEVELS: dict[Expert, tuple[float, float]] = {"high": (0.9997, 0.9), "low": (0.75, 0.5)}
JITTER = 0.006
RANK = 32
ALPHA = 32.0
# Layers that are trained in full: biases, norms, the patch embedding and the head.
FULL = (
    "bias",
    "norm_q.weight",
    "norm_k.weight",
    "norm2.weight",
    "patch_embedding.weight",
    "proj_out.weight",
)
FULL_IN = ("blocks.", "patch_embedding.", "proj_out.")


@dataclass(frozen=True)
class Pairs:
    """Starting noise and the teacher's final latents [N, C, 5, 16, 16] with their prompts."""

    noise: Tensor
    final: Tensor
    prompts: list[str]


@dataclass(frozen=True)
class AcceleratorSchedule:
    """How the student is trained."""

    steps: int = 320
    batch: int = 8
    rate: float = 2e-3
    seed: int = 21


@dataclass(frozen=True)
class Accelerator:
    """Low-rank factors and full differences (by parameter name) of one expert."""

    factors: LayerFactors
    differences: dict[str, Tensor]


def make_pairs(pipeline: WanPipeline, count: int, seed: int, batch: int = 8) -> Pairs:
    """Sample the teacher on training captions."""
    rng = torch.Generator().manual_seed(seed)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn(count, *LATENT_SHAPE, generator=rng)
    prompts = [captions.canonical(row) for row in split.draw(count, rng).tolist()]
    finals = []
    for begin in range(0, count, batch):
        part = slice(begin, begin + batch)
        finals.append(
            pipeline(
                prompt=prompts[part], latents=noise[part].clone(), height=SIZE, width=SIZE,
                num_frames=FRAMES, num_inference_steps=TEACHER_STEPS,
                guidance_scale=TEACHER_GUIDANCE, output_type="latent",
            ).frames
        )  # fmt: skip
        print(f"teacher pairs {min(begin + batch, count)}/{count}", flush=True)
    return Pairs(noise, torch.cat(finals), prompts)


class Student:
    """One expert with its adapter, training on teacher pairs."""

    def __init__(self, expert: Expert, model: Path, schedule: AcceleratorSchedule) -> None:
        self.expert, self.schedule = expert, schedule
        self.transformer = load_experts(model)[expert]
        self.original = {n: p.detach().clone() for n, p in self.transformer.named_parameters()}
        add_adapter(self.transformer, RANK, ALPHA, schedule.seed)
        self.full = _full_parameters(self.transformer)
        self.processor = with_prompt_bias(self.transformer)
        self.prompts = Prompts(model)

    def fit(self, pairs: Pairs) -> Accelerator:
        """Train on the pairs and return what was learned."""
        rng = torch.Generator().manual_seed(self.schedule.seed + (self.expert == "low"))
        parameters = trainable(self.transformer)
        optimizer = torch.optim.AdamW(
            parameters, lr=self.schedule.rate, betas=(0.9, 0.98), weight_decay=0.0
        )
        begin, running = time.monotonic(), 0.0
        for step in range(1, self.schedule.steps + 1):
            pace = min(1.0, step / 20) * 0.5 * (1 + math.cos(math.pi * step / self.schedule.steps))
            for group in optimizer.param_groups:
                group["lr"] = self.schedule.rate * max(pace, 0.01)
            index = torch.randint(len(pairs.noise), (self.schedule.batch,), generator=rng)
            loss = self._loss(pairs, index, rng)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            running = loss.item() if step == 1 else 0.95 * running + 0.05 * loss.item()
            if step % 50 == 0:
                minutes = (time.monotonic() - begin) / 60
                print(
                    f"accelerator {self.expert} step {step} {minutes:.1f} min loss {running:.4f}",
                    flush=True,
                )
        return Accelerator(factors(self.transformer, ALPHA), self._differences())

    def _loss(self, pairs: Pairs, index: Tensor, rng: torch.Generator) -> Tensor:
        """Mean squared error of the predicted final latent, over both of the expert's levels."""
        noise, final = pairs.noise[index], pairs.final[index]
        prompt = self.prompts([pairs.prompts[i] for i in index.tolist()])
        first, second = (
            (level + JITTER * (torch.rand(len(index), generator=rng) - 0.5)).clamp(max=0.9999)
            for level in LEVELS[self.expert]
        )
        x = noised(final, noise, first)
        guess = velocity(self.transformer, self.processor, x, first, prompt)
        loss = (guess - (noise - final)).square().mean()
        landed = (x - first.view(-1, 1, 1, 1, 1) * guess).detach()
        # Half of the batch goes on from its own first step, the other half from the straight line.
        own = (torch.arange(len(index)) % 2 == 0).view(-1, 1, 1, 1, 1)
        x = noised(torch.where(own, landed, final), noise, second)
        target = (x - final) / second.view(-1, 1, 1, 1, 1)
        guess = velocity(self.transformer, self.processor, x, second, prompt)
        return loss + (guess - target).square().mean()

    def _differences(self) -> dict[str, Tensor]:
        return {name: p.detach() - self.original[name] for name, p in self.full.items()}


def _full_parameters(transformer: WanTransformer3DModel) -> dict[str, nn.Parameter]:
    """The parameters trained in full, by their names in the plain transformer."""
    chosen = {}
    for name, parameter in transformer.named_parameters():
        plain = name.replace(".base_layer", "")
        if plain.startswith(FULL_IN) and plain.endswith(FULL) and "lora_" not in plain:
            parameter.requires_grad_(True)
            chosen[plain] = parameter
    return chosen


def train_accelerator(
    expert: Expert, model: Path, pairs: Pairs, schedule: AcceleratorSchedule = AcceleratorSchedule()
) -> Accelerator:
    """Train one expert's accelerator."""
    return Student(expert, model, schedule).fit(pairs)
