"""Decoding gives the pixels that diffusers' own pipeline gives, on the demo model's decoder."""

from __future__ import annotations

import inspect
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from diffusers.video_processor import VideoProcessor
from PIL import Image

from wan_lora_studio.settings import SHIPPED_CONFIG
from wan_lora_studio.wan.generation.decoding import Previewer, decode_latents
from wan_lora_studio.wan.generation.latent_preview import WAN21, WAN22, colours_of

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


def test_colours_are_those_of_wans_decoders_alone() -> None:
    usual = inspect.signature(AutoencoderKLWan.__init__).parameters["latents_mean"].default
    assert colours_of(decoder(usual)) is WAN21
    assert colours_of(decoder([WAN22.mean, *[0.0] * 47])) is WAN22
    assert colours_of(decoder([0.0] * 16)) is None
    assert colours_of(AutoencoderKLWan.from_pretrained(DEMO, subfolder="vae")) is None


def test_a_latent_has_the_colour_of_its_channels() -> None:
    latents = torch.zeros(16, 2, 3)
    latents[6, 0, 0] = -2.0
    frame = WAN21.frame(latents)
    assert frame.shape == (2, 3, 3) and frame.dtype == torch.uint8
    pairs = zip(WAN21.bias, WAN21.factors[6], strict=True)
    assert frame[0, 0].tolist() == [
        round((bias - 2 * factor + 1) / 2 * 255) for bias, factor in pairs
    ]
    assert frame[1, 2].tolist() == [round((bias + 1) / 2 * 255) for bias in WAN21.bias]


def test_a_preview_without_the_decoder_is_of_the_middle_frame() -> None:
    usual = inspect.signature(AutoencoderKLWan.__init__).parameters["latents_mean"].default
    pipeline = SimpleNamespace(vae=decoder(usual), scheduler=SimpleNamespace())
    latents = torch.zeros(1, 16, 5, 8, 12)
    latents[:, 14, 2] = 3.0
    jpeg = Previewer(pipeline, enabled=True, decode=False).jpeg(latents)
    with Image.open(io.BytesIO(jpeg or b"")) as picture:
        assert picture.size == (48, 32)
        found = picture.convert("RGB").getpixel((24, 16))
    wanted = WAN21.frame(latents[0, :, 2])[0, 0].tolist()
    assert np.allclose(found, wanted, atol=6)
    unknown = SimpleNamespace(vae=decoder([0.0] * 16), scheduler=SimpleNamespace())
    assert Previewer(unknown, enabled=True, decode=False).jpeg(latents) is None


def decoder(means: list[float]) -> Any:
    return SimpleNamespace(config=SimpleNamespace(latents_mean=means))
