"""The embedded model is what the real one is made of, and does what a prompt says."""

from __future__ import annotations

import pytest
import torch
from diffusers import WanPipeline

from demo import captions, split
from demo.analysis import look_at
from demo.evaluate import Sampling, make_videos, vae_quality
from demo.paths import Paths

pytestmark = pytest.mark.slow  # it makes videos

MEGABYTE = 1_000_000


def test_it_has_the_classes_of_wan22(demo_pipeline: WanPipeline) -> None:
    names = {name: type(part).__name__ for name, part in demo_pipeline.components.items() if part}
    assert names == {
        "tokenizer": "T5Tokenizer",
        "text_encoder": "UMT5EncoderModel",
        "vae": "AutoencoderKLWan",
        "transformer": "WanTransformer3DModel",
        "transformer_2": "WanTransformer3DModel",
        "scheduler": "UniPCMultistepScheduler",
    }
    assert demo_pipeline.config.boundary_ratio == 0.875
    assert demo_pipeline.scheduler.config.flow_shift == 3.0
    assert demo_pipeline.vae.config.scale_factor_temporal == 4
    assert demo_pipeline.vae.config.scale_factor_spatial == 8


def test_the_folder_stays_small(demo_paths: Paths) -> None:
    files = [file for file in demo_paths.model.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 40 * MEGABYTE


def test_the_autoencoder_keeps_a_clip(demo_pipeline: WanPipeline) -> None:
    assert vae_quality(demo_pipeline, count=2) > 28


def test_prompts_decide_what_is_seen(demo_pipeline: WanPipeline) -> None:
    _, held_out = split.combinations()
    wanted = held_out[:4].tolist()
    videos = make_videos(demo_pipeline, [captions.canonical(row) for row in wanted], Sampling())
    assert videos.shape == (4, 17, 128, 128, 3)
    hits = [look_at(video).hits(row) for video, row in zip(videos, wanted, strict=True)]
    assert torch.tensor(hits)[:, [0, 2, 3]].all(), hits


def test_a_seed_gives_the_same_video(demo_pipeline: WanPipeline) -> None:
    prompt = ["a red circle moving left on a navy background"]
    first = make_videos(demo_pipeline, prompt, Sampling(steps=4))
    assert torch.equal(first, make_videos(demo_pipeline, prompt, Sampling(steps=4)))
