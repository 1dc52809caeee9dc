"""Cached training latents and the way captions reach the transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor
from transformers import T5Tokenizer, UMT5EncoderModel

from demo import split
from demo.effects import PLAIN, Look, render
from demo.world import stage

PROMPT_SLOTS = 512  # WanPipeline pads every prompt to this many tokens with zeros
MAX_TOKENS = 48
ENCODE_BATCH = 4


@dataclass(frozen=True)
class LatentSet:
    """Normalised latents [N, C, 5, 16, 16] and the attributes [N, 4] they show."""

    latents: Tensor
    attributes: Tensor

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"latents": self.latents, "attributes": self.attributes}, path)

    @staticmethod
    def load(*paths: Path) -> LatentSet:
        parts = [torch.load(path) for path in paths]
        return LatentSet(
            torch.cat([part["latents"] for part in parts]),
            torch.cat([part["attributes"] for part in parts]),
        )


@torch.no_grad()
def encode_scenes(vae: AutoencoderKLWan, count: int, seed: int, look: Look = PLAIN) -> LatentSet:
    """Raw (not normalised) latents of `count` clips with training attributes."""
    rng = torch.Generator().manual_seed(seed)
    latents, attributes = [], []
    for _ in range(0, count, ENCODE_BATCH):
        drawn = split.draw(ENCODE_BATCH, rng)
        video = render(stage(drawn, rng), None, look)
        latents.append(vae.encode(video).latent_dist.mode())
        attributes.append(drawn)
    return LatentSet(torch.cat(latents), torch.cat(attributes))


def statistics(latents: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of [N, C, T, H, W], rounded for the config."""
    mean, std = latents.mean((0, 2, 3, 4)), latents.std((0, 2, 3, 4))
    return [round(v, 4) for v in mean.tolist()], [round(v, 4) for v in std.tolist()]


def normalise(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """(latents - mean) / std with the statistics in the autoencoder's config."""
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
    std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
    return (latents - mean) / std


class Prompts:
    """Captions as cross-attention sees them, but without computing on 512 tokens.

    The pipeline pads prompts with zeros, unmasked. All padded positions have the same key
    and value, so one of them with log(count) added to its attention score gives the same
    result as `count` of them.
    """

    def __init__(self, folder: Path) -> None:
        self.tokenizer = T5Tokenizer.from_pretrained(folder / "tokenizer")
        self.encoder = UMT5EncoderModel.from_pretrained(folder / "text_encoder").eval()

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """States [B, T, C], zero after each caption's end, and attention bias [B, 1, 1, T]."""
        tokens = self.tokenizer(
            texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        states = self.encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
        states = states * tokens.attention_mask[..., None]
        states = torch.cat([states, torch.zeros_like(states[:, :1])], 1)
        length = tokens.attention_mask.sum(1)
        position = torch.arange(states.shape[1])[None]
        bias = torch.zeros(states.shape[:2])
        bias = bias.masked_fill(position > length[:, None], -torch.inf)
        repeats = (PROMPT_SLOTS - length).float().log()[:, None]
        bias = torch.where(position == length[:, None], repeats, bias)
        return states, bias[:, None, None]
