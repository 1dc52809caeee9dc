"""Previews: how often, in which colours, and what they may cost."""

from __future__ import annotations

import inspect
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan
from PIL import Image, ImageSequence
from torch import Tensor

from tests.support.studio import decoded
from wan_lora_studio.settings import SHIPPED_CONFIG, load_settings
from wan_lora_studio.wan.generation.generation import generate_video
from wan_lora_studio.wan.generation.latent_preview import (
    WAN21,
    WAN22,
    LatentColours,
    colours_of,
    fitted,
)
from wan_lora_studio.wan.generation.previewer import Previewer
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models.loading import ModelManager
from wan_lora_studio.wan.task import GenerationTask, Progress

DEMO = SHIPPED_CONFIG.parent / "models" / "demo"
NOWHERE = Path("nowhere")
ONE = torch.linspace(-2, 2, 5).view(1, 1, 5, 1, 1).expand(1, 16, 5, 8, 12)


def decoder(means: list[float]) -> Any:
    return SimpleNamespace(config=SimpleNamespace(latents_mean=means))


def test_colours_are_those_of_wans_decoders_or_of_the_file_beside(tmp_path: Path) -> None:
    usual = inspect.signature(AutoencoderKLWan.__init__).parameters["latents_mean"].default
    assert colours_of(decoder(usual), NOWHERE) is WAN21
    assert colours_of(decoder([WAN22.mean, *[0.0] * 47]), NOWHERE) is WAN22
    assert colours_of(decoder([0.0] * 16), NOWHERE) is None
    demo = colours_of(AutoencoderKLWan.from_pretrained(DEMO, subfolder="vae"), DEMO / "vae")
    assert demo is not None and len(demo.factors) == 16
    (tmp_path / "latent_colours.json").write_text(demo.to_json(), encoding="utf-8")
    assert colours_of(decoder([0.0] * 16), tmp_path) == demo
    assert colours_of(decoder([0.0] * 12), tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"bias": [0, 0], "factors": [[1, 2, 3]] * 16}),
        json.dumps({"bias": [0, 0, "red"], "factors": [[1, 2, 3]] * 16}),
        json.dumps({"bias": [0, 0, 0], "factors": 7}),
    ],
)
def test_a_file_that_is_none_gives_no_colours(text: str, tmp_path: Path) -> None:
    (tmp_path / "latent_colours.json").write_text(text, encoding="utf-8")
    assert colours_of(decoder([0.0] * 16), tmp_path) is None


def test_a_latent_has_the_colour_of_its_channels() -> None:
    latents = torch.zeros(16, 1, 2, 3)
    latents[6, 0, 0, 0] = -2.0
    (frame,) = WAN21.frames(latents)
    assert frame.shape == (2, 3, 3) and frame.dtype == torch.uint8
    pairs = zip(WAN21.bias, WAN21.factors[6], strict=True)
    assert frame[0, 0].tolist() == [
        round((bias - 2 * factor + 1) / 2 * 255) for bias, factor in pairs
    ]
    assert frame[1, 2].tolist() == [round((bias + 1) / 2 * 255) for bias in WAN21.bias]


def test_a_map_is_found_again_from_what_it_made() -> None:
    draws = torch.Generator().manual_seed(0)
    latents = torch.randn(3, 4, 3, 6, 5, generator=draws)
    factors = torch.randn(4, 3, generator=draws) * 0.1
    frames = torch.einsum("bcfhw,cr->brfhw", latents, factors) - 0.25
    videos = torch.cat([frames[:, :, :1], frames[:, :, 1:].repeat_interleave(4, 2)], 2)
    videos = videos.repeat_interleave(8, 3).repeat_interleave(8, 4)
    found = fitted(latents, videos)
    assert np.allclose(found.bias, -0.25, atol=1e-3)
    assert np.allclose(found.factors, factors, atol=1e-3)


class Clock:
    """Goes on only where it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class SlowDecoder:
    """A decoder of white frames that takes 0.3 s by the clock."""

    dtype = torch.float32
    config = SimpleNamespace(z_dim=16, latents_mean=[0.0] * 16, latents_std=[1.0] * 16)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def decode(self, latents: Tensor, *, return_dict: bool) -> tuple[Tensor]:
        assert not return_dict
        self._clock.now += 0.3
        height, width = latents.shape[-2:]
        return (torch.ones(1, 3, 1, height, width),)


def slow_colours(clock: Clock) -> LatentColours:
    """Wan 2.1's, which take 4 ms by the clock."""

    class Slow(LatentColours):
        def frames(self, latents: Tensor) -> Tensor:
            clock.now += 0.004
            return super().frames(latents)

    return Slow(WAN21.mean, WAN21.bias, WAN21.factors)


def shown(clock: Clock, step: float, steps: int, *, coloured: bool = True) -> list[bytes]:
    pipeline = SimpleNamespace(scheduler=SimpleNamespace(), vae=SlowDecoder(clock))
    colours = slow_colours(clock) if coloured else None
    made = Previewer(pipeline, colours, enabled=True, clock=clock)
    found = []
    for _ in range(steps):
        clock.now += step
        found.append(made.picture(ONE))
    return [picture for picture in found if picture is not None]


@pytest.mark.parametrize(("step", "least"), [(0.1, 5), (2.0, 20), (20.0, 20)])
def test_pictures_come_often_and_cost_little(clock: Clock, step: float, least: int) -> None:
    began = clock.now
    pictures = shown(clock, step, 20)
    assert len(pictures) >= least
    whole = clock.now - began
    assert whole - 20 * step <= 0.02 * whole + 0.3


def test_all_frames_move_where_a_step_leaves_the_time(clock: Clock) -> None:
    for step, frames in ((0.5, 1), (5.0, 4)):
        with Image.open(io.BytesIO(shown(clock, step, 1)[0])) as picture:
            assert len(list(ImageSequence.Iterator(picture))) == frames
            assert picture.format == ("JPEG" if frames == 1 else "WEBP")
            assert picture.size == (48, 32)


def test_the_decoder_shows_it_now_and_then(clock: Clock) -> None:
    kinds = [picture[:4] == b"RIFF" for picture in shown(clock, 20.0, 40)]
    assert kinds.count(False) in range(2, 30), "by the decoder, a still picture"


def test_without_known_colours_the_decoder_shows_it_alone(clock: Clock) -> None:
    assert 1 <= len(shown(clock, 1.0, 40, coloured=False)) <= 5


def test_who_wants_none_gets_none(clock: Clock) -> None:
    made = Previewer(SimpleNamespace(), WAN21, enabled=False, clock=clock)
    clock.now += 1
    assert made.picture(ONE) is None


@pytest.mark.slow
def test_the_demos_pictures_come_to_the_colours_of_its_video(tmp_path: Path) -> None:
    settings = load_settings(
        outputs_dir=tmp_path / "outputs", data_dir=tmp_path / "data", device="cpu"
    )
    pictures: dict[int, bytes] = {}

    def watch(progress: Progress) -> None:
        if progress.preview is not None:
            pictures[progress.step] = progress.preview

    task = GenerationTask(
        model_type="demo", prompt="a red circle moving left on a navy background", seed=1, steps=20
    )
    models = ModelManager(settings)
    models.load("demo")
    result = generate_video(task, models=models, loras=LoRAManager(settings), on_progress=watch)
    assert len(set(pictures.values())) >= 8
    last = max(pictures)
    assert last >= 15
    with Image.open(io.BytesIO(pictures[last])) as picture:
        seen = np.asarray(picture.convert("RGB"), float).mean((0, 1))
    frames = decoded(result.video_path)
    middle = frames[len(frames) // 2].mean((0, 1))
    assert np.abs(seen - middle).max() <= 0.15 * middle.max()
