"""The demo LoRAs: their layouts, their headers, and effects that grow with strength."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import pytest
import torch
from diffusers import WanPipeline
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from demo.evaluate import Sampling, make_videos
from demo.evaluate_loras import (
    ACCELERATOR,
    EFFECTS,
    effect_by_strength,
    effect_prompts,
    few_steps_by_strength,
)
from demo.merge import merged, read
from demo.paths import Paths

SAMPLING = Sampling(steps=12)
FILES = [*(name for effect in EFFECTS.values() for name in effect.files), *ACCELERATOR]
FIRST_KEYS = {
    "neon_outline_high_noise.safetensors": "lora_unet_blocks_0_self_attn_q.lora_down.weight",
    "neon_outline_low_noise.safetensors": "lora_unet_blocks_0_cross_attn_o.alpha",
    "pixel_mosaic.safetensors": "diffusion_model.transformer_1.blocks.0.ffn.0.lora_A.weight",
    "golden_hour.safetensors": "blocks.0.self_attn.q.lora_A.default.weight",
    "motion_trail.safetensors": "lycoris_blocks_0_attn1_to_q.lokr_w1",
    "lightning_4step_high_noise.safetensors": "diffusion_model.blocks.0.self_attn.norm_q.diff",
    "lightning_4step_low_noise.safetensors": "diffusion_model.patch_embedding.diff",
}


@pytest.fixture(scope="module")
def plain_videos(demo_pipeline: WanPipeline) -> Iterator[Tensor]:
    yield make_videos(demo_pipeline, effect_prompts(2), SAMPLING)


@pytest.mark.parametrize("name", FILES)
def test_layout_header_and_preview(
    name: str, demo_paths: Paths, demo_pipeline: WanPipeline
) -> None:
    path = demo_paths.loras / name
    with safe_open(path, "pt") as file:
        assert FIRST_KEYS[name] in set(file.keys())
        header = file.metadata()
    assert header["modelspec.author"] == "Wan2.2 LoRA Studio"
    assert header["modelspec.title"]
    assert header["modelspec.description"]
    with Image.open(path.with_name(f"{path.stem}.preview.png")) as preview:
        assert preview.size == (256, 256)
    assert any(read(path, demo_pipeline.transformer).values())


def test_the_embedded_thumbnail_is_a_picture(demo_paths: Paths) -> None:
    with safe_open(demo_paths.loras / "golden_hour.safetensors", "pt") as file:
        kind, _, data = file.metadata()["modelspec.thumbnail"].partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (256, 256)


def test_the_accelerator_has_trained_full_parts(
    demo_paths: Paths, demo_pipeline: WanPipeline
) -> None:
    for name in ACCELERATOR:
        changes = next(
            c for c in read(demo_paths.loras / name, demo_pipeline.transformer).values() if c
        )
        full = [key for key in changes if "norm" in key or key.endswith(".bias")]
        assert len(full) > 40
        assert all(bool(changes[key].any()) for key in full)


@pytest.mark.parametrize("name", list(EFFECTS))
@pytest.mark.slow  # it makes videos
def test_the_effect_grows_with_strength(
    name: str, demo_paths: Paths, demo_pipeline: WanPipeline, plain_videos: Tensor
) -> None:
    rows = effect_by_strength(
        demo_pipeline, demo_paths.loras, EFFECTS[name], plain_videos, sampling=SAMPLING
    )
    none, half, whole = (torch.tensor(row) for row in rows)
    assert (none < half).all(), rows
    assert (half < whole).all(), rows


@pytest.mark.slow  # it makes videos
def test_the_accelerator_comes_closer_with_strength(
    demo_paths: Paths, demo_pipeline: WanPipeline
) -> None:
    results = few_steps_by_strength(demo_pipeline, demo_paths.loras, Sampling(), count=2)
    distances = [result.distance for result in results]
    assert distances == sorted(distances, reverse=True)
    assert distances[2] < distances[0]


@pytest.mark.slow  # it makes videos
def test_merging_is_undone(demo_paths: Paths, demo_pipeline: WanPipeline) -> None:
    before = {name: p.clone() for name, p in demo_pipeline.transformer.named_parameters()}
    with merged(demo_pipeline, [demo_paths.loras / "golden_hour.safetensors"], 1.0):
        changed = demo_pipeline.transformer.get_parameter("blocks.0.attn1.to_q.weight")
        assert not torch.equal(changed, before["blocks.0.attn1.to_q.weight"])
    for name, parameter in demo_pipeline.transformer.named_parameters():
        assert torch.equal(parameter, before[name])
