"""Decoding: from latents to the frames of the video."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from wan_lora_studio.wan.generation.output_checks import Whereabouts, require_finite_frames
from wan_lora_studio.wan.generation.video_file import Frames


@torch.no_grad()
def decode_latents(pipeline: Any, latents: Tensor, where: Whereabouts | None = None) -> Frames:
    """Frames [frames, height, width, 3], RGB uint8, of one video's normalised latents.

    Computed in the order in which diffusers' own pipeline does it, so that a video without LoRAs
    has the frames of a plain script; another order differs by a level in a pixel here and there.

    `latents`: [1, channels, latent frames, height/8, width/8]. Given where the run is, raises
    GenerationError when the decoder gives NaN or infinite values.
    """
    vae = pipeline.vae
    device = _device_of(pipeline, latents)
    mean, std = (
        torch.tensor(values, device=device, dtype=vae.dtype).view(1, vae.config.z_dim, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    video = vae.decode(latents.to(device, vae.dtype) / (1.0 / std) + mean, return_dict=False)[0]
    if where is not None:
        require_finite_frames(video, where)
    unit = (video[0].permute(1, 2, 3, 0) * 0.5 + 0.5).clamp(0, 1).float()
    frames: Frames = (unit * 255).round().to(torch.uint8).cpu().numpy()
    return np.ascontiguousarray(frames)


def _device_of(pipeline: Any, latents: Tensor) -> torch.device:
    """Where the decoder computes, also while the model's other parts are elsewhere."""
    if hasattr(pipeline.vae, "_hf_hook"):  # which brings it there
        there: torch.device = getattr(pipeline, "_execution_device", latents.device)
        return there
    return torch.device(getattr(pipeline.vae, "device", latents.device))
