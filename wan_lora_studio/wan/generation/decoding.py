"""Decoding latents to pictures: the final frames, and previews while sampling."""

from __future__ import annotations

import io
import logging
import time
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wan_lora_studio.wan.generation.latent_preview import colours_of
from wan_lora_studio.wan.generation.output_checks import Whereabouts, require_finite_frames
from wan_lora_studio.wan.generation.video_file import Frames
from wan_lora_studio.wan.models import is_out_of_memory, release_memory

logger = logging.getLogger(__name__)

PREVIEW_SIDE = 384  # pixels
COLOURS_SCALE = 4  # a pixel of latents is 8 or 16 of the video
PREVIEW_SHARE = 0.015  # of the sampling time


@torch.no_grad()
def decode_latents(pipeline: Any, latents: Tensor, where: Whereabouts | None = None) -> Frames:
    """Frames [frames, height, width, 3], RGB uint8, of one video's normalised latents.

    Computed in the order in which diffusers' own pipeline does it, so that a video without LoRAs
    has the frames of a plain script; another order differs by a level in a pixel here and there.

    `latents`: [1, channels, latent frames, height/8, width/8]. Given where the run is, raises
    GenerationError when the decoder gives NaN or infinite values.
    """
    vae = pipeline.vae
    device = getattr(pipeline, "_execution_device", latents.device)
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


class Previewer:
    """Shows one latent frame now and then, within `PREVIEW_SHARE` of the sampling time.

    With `decode` as the decoder shows it; else, and once that finds no memory, in the colours
    that the decoder's latents are known to have.
    """

    def __init__(self, pipeline: Any, enabled: bool, *, decode: bool = True) -> None:
        self._pipeline = pipeline
        self._enabled = enabled
        self._decode = decode
        self._colours = colours_of(pipeline.vae)
        self._started = time.monotonic()
        self._spent = 0.0

    def jpeg(self, latents: Tensor) -> bytes | None:
        """The middle frame as the model expects it now; None when it is not its turn."""
        before = time.monotonic()
        if not self._enabled or self._spent > PREVIEW_SHARE * (before - self._started):
            return None
        expected = self._expected(latents)
        middle = expected.shape[2] // 2
        picture = self._picture(expected[:, :, middle : middle + 1])
        if picture is None:
            return None
        picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=85)
        self._spent += time.monotonic() - before
        return buffer.getvalue()

    def _picture(self, frame: Tensor) -> Image.Image | None:
        """`frame`: [1, channels, 1, height/8, width/8]."""
        if self._decode:
            try:
                return Image.fromarray(decode_latents(self._pipeline, frame)[-1])
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._decode = False
            # Sampling needs the memory more; what the failure held is free only here.
            logger.warning("no memory for previews by the decoder: this run goes on without")
            self._pipeline.vae.clear_cache()
            release_memory()
        if self._colours is None:
            return None
        picture = Image.fromarray(self._colours.frame(frame[0, :, 0]).numpy())
        wide, high = picture.size
        return picture.resize(
            (wide * COLOURS_SCALE, high * COLOURS_SCALE), Image.Resampling.BICUBIC
        )

    def _expected(self, latents: Tensor) -> Tensor:
        """The scheduler's estimate of the clean latents where it keeps one."""
        outputs = getattr(self._pipeline.scheduler, "model_outputs", None)
        if outputs and outputs[-1] is not None and outputs[-1].shape == latents.shape:
            estimate: Tensor = outputs[-1]
            return estimate
        return latents
