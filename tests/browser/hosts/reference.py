"""The frames that a host must give: made here with the library alone, without an extension."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from diffusers import WanPipeline
from diffusers.utils import encode_video

from tests.browser.running import LORAS, MODELS
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.lora_manager import LoRAManager

Frames = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Wish:
    """What is asked of a host's page."""

    prompt: str = "a red circle moving left on a navy background"
    steps: int = 4
    seed: int = 7


WISH = Wish()


class Reference:
    """The pipeline of the demo model with a library of the demo LoRAs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pipeline = WanPipeline.from_pretrained(MODELS / "demo")
        self._loras = LoRAManager(load_settings(loras_dir=LORAS, data_dir=folder / "data"))
        self._known: dict[str, Frames] = {}

    def frames(self, picked: dict[str, Any], wish: Wish = WISH) -> Frames:
        """The decoded video, [frames, height, width, 3], of the same task as in the examples."""
        key = repr((sorted(picked.items()), wish))
        if key not in self._known:
            with self._loras.applied(self._pipeline, picked):
                self._known[key] = self._made(wish)
        return self._known[key]

    def _made(self, wish: Wish) -> Frames:
        video = self._pipeline(
            wish.prompt,
            width=128,
            height=128,
            num_frames=17,
            num_inference_steps=wish.steps,
            generator=torch.Generator().manual_seed(wish.seed),
        ).frames[0]
        path = self._folder / "reference.mp4"
        encode_video(video, 8, str(path))
        return decoded(path.read_bytes())


def decoded(video: bytes) -> Frames:
    with av.open(io.BytesIO(video)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def apart(one: Frames, other: Frames) -> float:
    """How far two videos are apart: the mean difference of a value of 0 to 255."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def warmth(frames: Frames) -> float:
    """Red minus blue on average, which `golden_hour` raises."""
    return float(frames[..., 0].mean() - frames[..., 2].mean())
