"""Training of the high-noise and the low-noise transformer."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel

from demo import captions
from demo.diffusion import Expert, draw_sigma, new_transformer, noised, velocity, with_prompt_bias
from demo.latents import LatentSet, Prompts
from demo.optim import optimizers

CAPTION_DROP = 0.1
ADAM_LAYERS = ("patch_embedding", "time_proj", "proj_out", "scale_shift_table")


@dataclass(frozen=True)
class ExpertSchedule:
    """Steps of one expert; the learning rate warms up, then falls along a cosine."""

    steps: int
    rate: float
    batch: int = 8
    warmup_steps: int = 20
    average: float = 0.997
    seed: int = 6


# From random weights, the high-noise expert is slow to find shapes in noise: after the same
# 1800 steps its loss at sigma 0.9 was 0.24, and 0.18 for the low-noise expert that had never
# seen that much noise. So it starts from the low-noise expert.
FIRST = ExpertSchedule(steps=1800, rate=0.012, warmup_steps=60, seed=5)
HIGH = ExpertSchedule(steps=1800, rate=0.014)
LOW = ExpertSchedule(steps=1400, rate=0.009)


class WeightAverage:
    """Exponential moving average of a module's parameters."""

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in module.named_parameters()}
        self.updates = 0

    @torch.no_grad()
    def update(self, module: torch.nn.Module) -> None:
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        for name, parameter in module.named_parameters():
            self.values[name].lerp_(parameter, 1 - decay)

    def saved_in(self, module: WanTransformer3DModel, path: Path) -> None:
        """Save the module with the averaged weights in place of its own."""
        own = {name: p.detach().clone() for name, p in module.named_parameters()}
        module.load_state_dict(self.values, strict=False)
        module.save_pretrained(path)
        module.load_state_dict(own, strict=False)


def train_expert(
    expert: Expert, work: Path, text: Path, schedule: ExpertSchedule, start: Path | None = None
) -> None:
    """Train one expert on the latents in `work/latents`; saves to `work/<expert>` as it goes."""
    seed = schedule.seed * 10 + (expert == "low")
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    transformer = WanTransformer3DModel.from_pretrained(start) if start else new_transformer()
    transformer.train()
    processor = with_prompt_bias(transformer)
    average = WeightAverage(transformer, schedule.average)
    optimizer = optimizers(transformer, schedule.rate, ADAM_LAYERS)
    prompts = Prompts(text)
    data = LatentSet.load(*sorted((work / "latents").glob("plain_*.pt")))
    begin, running = time.monotonic(), 0.0
    for step in range(1, schedule.steps + 1):
        index = torch.randint(len(data.latents), (schedule.batch,), generator=rng)
        clean = data.latents[index]
        texts = [_caption_or_nothing(row, rng) for row in data.attributes[index].tolist()]
        noise = torch.randn(clean.shape, generator=rng)
        sigma = draw_sigma(expert, schedule.batch, rng)
        guess = velocity(transformer, processor, noised(clean, noise, sigma), sigma, prompts(texts))
        loss = (guess - (noise - clean)).square().mean()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(transformer.parameters(), 1.0)
        optimizer.step(_pace(step, schedule))
        average.update(transformer)
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % 50 == 0:
            minutes = (time.monotonic() - begin) / 60
            print(f"{expert} step {step} {minutes:.1f} min loss {running:.4f}", flush=True)
        if step % 200 == 0 or step == schedule.steps:
            average.saved_in(transformer, work / expert)


def _pace(step: int, schedule: ExpertSchedule) -> float:
    """Learning rate factor: a short warm-up, then half a cosine."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / schedule.steps))
    return max(0.01, cosine * min(1.0, step / schedule.warmup_steps))


def _caption_or_nothing(attributes: list[int], rng: torch.Generator) -> str:
    if torch.rand(1, generator=rng) < CAPTION_DROP:
        return ""
    return captions.caption(attributes, rng)
