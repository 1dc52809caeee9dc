"""Decoding gives the pixels that diffusers' own pipeline gives, on the demo model's decoder."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from diffusers.video_processor import VideoProcessor

from wan_lora_studio.settings import SHIPPED_CONFIG
from wan_lora_studio.wan.generation.decoding import decode_latents

DEMO = SHIPPED_CONFIG.parent / "models" / "demo"


@torch.inference_mode()
def test_every_pixel_is_that_of_diffusers() -> None:
    """As `WanPipeline.__call__` does it. Another order of the same sums misses some by a level."""
    vae = AutoencoderKLWan.from_pretrained(DEMO, subfolder="vae", dtype=torch.float32)
    latents = torch.randn(1, vae.config.z_dim, 5, 16, 16, generator=torch.manual_seed(0))
    mean, std = (
        torch.tensor(values).view(1, vae.config.z_dim, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    video = vae.decode(latents / (1.0 / std) + mean, return_dict=False)[0]
    processor = VideoProcessor(vae_scale_factor=vae.config.scale_factor_spatial)
    unit = processor.postprocess_video(video, output_type="pt")[0]
    theirs = (unit.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    ours = decode_latents(SimpleNamespace(vae=vae), latents)
    assert ours.shape == (17, 128, 128, 3)
    assert np.array_equal(ours, theirs)
