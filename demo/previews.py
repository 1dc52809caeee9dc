"""Thumbnails of the demo LoRAs, cut from their own output."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image
from torch import Tensor

SIDE = 256  # pixels


def picture(video: Tensor, frame: int = 10) -> Image.Image:
    """One frame of [F, H, W, 3] in 0..1, enlarged."""
    pixels = (video[frame] * 255).round().byte().numpy()
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def write_preview(video: Tensor, lora: Path) -> None:
    """`stem.preview.png` beside the LoRA file."""
    picture(video).save(lora.with_name(f"{lora.stem}.preview.png"), optimize=True)


def data_uri(video: Tensor) -> str:
    """A small JPEG for `modelspec.thumbnail`."""
    buffer = io.BytesIO()
    picture(video).save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
