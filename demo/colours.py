"""The colours that the autoencoder's latents stand for, which the app's previews show."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan

from demo import split
from demo.effects import PLAIN, render
from demo.latents import normalise
from demo.world import stage
from wan_lora_studio.wan.generation import LatentColours, fitted
from wan_lora_studio.wan.models import LATENT_COLOURS

CLIPS = 14
SEED = 300


@torch.no_grad()
def write_colours(model: Path) -> LatentColours:
    """Fit the map on clips and write it into the model's `vae` folder."""
    vae = AutoencoderKLWan.from_pretrained(model / "vae")
    rng = torch.Generator().manual_seed(SEED)
    latents, videos = [], []
    for _ in range(CLIPS):
        video = render(stage(split.draw(1, rng), rng), None, PLAIN)
        latents.append(normalise(vae, vae.encode(video).latent_dist.mode())[0])
        videos.append(video[0])
    found = fitted(torch.stack(latents), torch.stack(videos))
    (model / "vae" / LATENT_COLOURS).write_text(found.to_json(), encoding="utf-8")
    return found
