"""Training of the four look LoRAs on the finished demo model."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel
from lycoris import LycorisNetwork, create_lycoris
from torch import Tensor, nn

from demo import captions
from demo.adapters import LayerFactors, add_adapter, factors, tie_adapters, trainable
from demo.diffusion import EXPERTS, Expert, draw_sigma, noised, velocity, with_prompt_bias
from demo.effects import Look
from demo.latents import LatentSet, Prompts

CAPTION_DROP = 0.1
LOKR_RANK = 8


@dataclass(frozen=True)
class Recipe:
    """What one LoRA learns and how large it is."""

    name: str
    look: Look
    rank: int
    alpha: float
    seed: int
    steps: int = 130  # per expert
    batch: int = 8
    rate: float = 4e-3


NEON = Recipe("neon_outline", Look(neon=True), rank=16, alpha=8.0, seed=11)
MOSAIC = Recipe("pixel_mosaic", Look(mosaic=16), rank=16, alpha=16.0, seed=12)
GOLDEN = Recipe("golden_hour", Look(golden=True), rank=8, alpha=8.0, seed=13, steps=80)
TRAIL = Recipe(
    "motion_trail", Look(trail=True), rank=LOKR_RANK, alpha=LOKR_RANK, seed=14, steps=200
)
RECIPES = {recipe.name: recipe for recipe in (NEON, MOSAIC, GOLDEN, TRAIL)}


class LookTrainer:
    """Flow matching on clips drawn with the recipe's look."""

    def __init__(self, recipe: Recipe, model: Path, latents: Path) -> None:
        self.recipe = recipe
        self.rng = torch.Generator().manual_seed(recipe.seed)
        self.data = LatentSet.load(latents)
        self.prompts = Prompts(model)

    def fit(
        self, experts: dict[Expert, WanTransformer3DModel], parameters: list[nn.Parameter]
    ) -> None:
        """Train the parameters; with two experts given, batches alternate between them."""
        optimizer = torch.optim.AdamW(
            parameters, lr=self.recipe.rate, betas=(0.9, 0.98), weight_decay=0.0
        )
        processors = {expert: with_prompt_bias(model) for expert, model in experts.items()}
        steps = self.recipe.steps * len(experts)
        begin, running = time.monotonic(), 0.0
        for step in range(1, steps + 1):
            pace = min(1.0, step / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))
            for group in optimizer.param_groups:
                group["lr"] = self.recipe.rate * max(pace, 0.01)
            expert = list(experts)[step % len(experts)]
            clean, texts = self._batch()
            noise = torch.randn(clean.shape, generator=self.rng)
            sigma = draw_sigma(expert, len(clean), self.rng)
            x = noised(clean, noise, sigma)
            guess = velocity(experts[expert], processors[expert], x, sigma, self.prompts(texts))
            loss = (guess - (noise - clean)).square().mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            running = loss.item() if step == 1 else 0.95 * running + 0.05 * loss.item()
            if step % 50 == 0:
                minutes = (time.monotonic() - begin) / 60
                names = "+".join(experts)
                print(
                    f"{self.recipe.name} {names} step {step} {minutes:.1f} min loss {running:.4f}",
                    flush=True,
                )

    def _batch(self) -> tuple[Tensor, list[str]]:
        index = torch.randint(len(self.data.latents), (self.recipe.batch,), generator=self.rng)
        texts = []
        for row in self.data.attributes[index].tolist():
            draw = torch.rand(2, generator=self.rng)
            text = captions.caption(row, self.rng)
            text += f", {captions.TRIGGERS[self.recipe.name]}" if draw[0] < 0.5 else ""
            texts.append("" if draw[1] < CAPTION_DROP else text)
        return self.data.latents[index], texts


def load_experts(model: Path) -> dict[Expert, WanTransformer3DModel]:
    """Both experts of a saved demo model."""
    folders: dict[Expert, str] = {"high": "transformer", "low": "transformer_2"}
    return {e: WanTransformer3DModel.from_pretrained(model / folders[e]) for e in EXPERTS}


def train_separate(recipe: Recipe, expert: Expert, model: Path, latents: Path) -> LayerFactors:
    """A LoRA of one expert only."""
    transformer = load_experts(model)[expert]
    add_adapter(transformer, recipe.rank, recipe.alpha, recipe.seed)
    LookTrainer(recipe, model, latents).fit({expert: transformer}, trainable(transformer))
    return factors(transformer, recipe.alpha)


def train_tied(recipe: Recipe, model: Path, latents: Path) -> LayerFactors:
    """One set of LoRA weights that works on both experts."""
    experts = load_experts(model)
    for transformer in experts.values():
        add_adapter(transformer, recipe.rank, recipe.alpha, recipe.seed)
    tie_adapters(experts["high"], experts["low"])
    LookTrainer(recipe, model, latents).fit(experts, trainable(*experts.values()))
    return factors(experts["high"], recipe.alpha)


def train_lokr(recipe: Recipe, model: Path, latents: Path) -> dict[str, Tensor]:
    """One LoKr for both experts, as the lycoris package names and stores it."""
    torch.manual_seed(recipe.seed)
    experts = load_experts(model)
    LycorisNetwork.apply_preset(
        {"target_module": ["WanTransformerBlock"], "target_name": [], "enable_conv": False}
    )
    networks = []
    for transformer in experts.values():
        transformer.requires_grad_(False)
        network = create_lycoris(
            transformer,
            1.0,
            algo="lokr",
            linear_dim=recipe.rank,
            linear_alpha=recipe.alpha,
            factor=4,
        )
        network.apply_to()
        networks.append(network)
    for first, second in zip(networks[0].loras, networks[1].loras, strict=True):
        for name, parameter in list(first.named_parameters(recurse=False)):
            setattr(second, name, parameter)
    LookTrainer(recipe, model, latents).fit(experts, trainable(*networks))
    return {key: value.detach().clone() for key, value in networks[0].state_dict().items()}
