"""A model whose blocks are brought to the GPU one by one: the same video, LoRAs and weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.hooks.group_offloading import _get_group_onload_device
from PIL import Image

from tests.support.machine.full_memory import FullMemory
from tests.support.machine.pretend_gpu import PretendGPU
from tests.support.machine.pretend_host import PretendHost
from tests.support.offloading import moves_make_copies, weights_hash
from tests.support.studio import Studio, decoded
from wan_lora_studio.results import read_facts
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.components import ENCODERS, TRANSFORMERS
from wan_lora_studio.wan.memory.footprint import Footprint
from wan_lora_studio.wan.models.host_memory import ENCODER_STAYS_FROM
from wan_lora_studio.wan.models.loading import LoadedModel, ModelManager
from wan_lora_studio.wan.models.streaming import stop_streaming

KINDS = ("t2v", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("i2v", "ti2v")))
SELECTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"kohya_pair": 0.8},
    {"lokr": 0.7, "accelerator": 1.0},
    {"combined": {"high": [[0.0, 1.0], [0.5, 0.2]], "low": 0.4}},
)
STEPS = 2


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> PretendGPU:
    moves_make_copies(monkeypatch)
    PretendHost(monkeypatch, ENCODER_STAYS_FROM)  # where both experts stay in memory
    return PretendGPU(monkeypatch)


def studio_with(settings: Settings, offload: str, tmp_path: Path, mode: str = "auto") -> Studio:
    changed = {
        "device": "cuda", "offload": offload, "outputs_dir": tmp_path / offload, "lora_mode": mode,
    }  # fmt: skip
    settings = settings.model_copy(update=changed)
    return Studio(settings, ModelManager(settings))


def model_of(studio: Studio) -> LoadedModel:
    assert studio.models.current is not None
    return studio.models.current


@pytest.mark.parametrize("kind", KINDS)
def test_videos_are_those_of_a_model_on_the_gpu(
    kind: str, studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    Image.new("RGB", (48, 40), (200, 90, 30)).save(picture)
    image = None if kind == "t2v" else str(picture)
    # Beside the weights in both: these are bf16, which a merge rounds to.
    whole, blocks = (
        studio_with(studio_settings, each, tmp_path, "runtime") for each in ("none", "group")
    )
    before = ""
    for selection in SELECTIONS:
        results = [
            studio.run(model_type=kind, image=image, selected_loras=selection, steps=STEPS)
            for studio in (whole, blocks)
        ]
        one, other = (decoded(result.video_path) for result in results)
        assert np.array_equal(one, other), selection
        before = before or weights_hash(model_of(blocks).pipeline)
        assert weights_hash(model_of(blocks).pipeline) == before
    assert model_of(blocks).offload == "group" and "groups" in gpu.moved
    assert {model_of(whole).offload, results[1].recoveries == []} == {"none", True}


@pytest.mark.usefixtures("gpu")
def test_every_part_is_brought_in_pieces_and_tells_the_pipeline_where(
    studio_settings: Settings, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, "group", tmp_path)
    pipeline = studio.models.load("t2v").pipeline
    assert in_pieces(pipeline) == {"transformer", "transformer_2", "text_encoder", "vae"}
    # Where the other parts are read when they are called, the decoder alone says where it is.
    stop_streaming(pipeline, (*TRANSFORMERS, *ENCODERS))
    assert in_pieces(pipeline) == {"vae"}
    assert pipeline._execution_device == _get_group_onload_device(pipeline.vae)
    stop_streaming(pipeline)
    assert in_pieces(pipeline) == set()


def in_pieces(pipeline: Any) -> set[str]:
    """The components of which groups are brought to the device."""
    return {
        name
        for name, part in pipeline.components.items()
        if isinstance(part, torch.nn.Module)
        and any(
            registry.get_hook("group_offloading") is not None
            for module in part.modules()
            if (registry := module.__dict__.get("_diffusers_hook")) is not None
        )
    }


@pytest.mark.slow
@pytest.mark.parametrize("offload", ["none", "group"])
def test_weights_of_eight_bits_make_a_video_too(
    offload: str, studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    row = studio_settings.model("t2v").model_copy(update={"precision": "fp8"})
    settings = studio_settings.model_copy(update={"models": {**studio_settings.models, "t2v": row}})
    studio = studio_with(settings, offload, tmp_path)
    model = studio.models.load("t2v")
    before = weights_hash(model.pipeline)
    videos = []
    for selection in SELECTIONS:
        result = studio.run(selected_loras=selection, steps=STEPS)
        videos.append(decoded(result.video_path))
        assert weights_hash(model.pipeline) == before
    assert all(not np.array_equal(videos[0], video) for video in videos[1:])
    linear = model.pipeline.transformer_2.blocks[0].ffn.net[0].proj
    assert linear.weight.dtype == torch.float8_e4m3fn
    with Path(result.video_path).open("rb") as file:
        assert read_facts(file).metadata["environment"]["precision"] == "fp8"


def test_loras_go_beside_weights_that_move(
    studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, "group", tmp_path)
    model = studio.models.load("t2v")
    with studio.loras.applied(model.pipeline, {"combined": 0.5}) as stack:
        assert stack.mode == "runtime"


def test_what_runs_out_of_memory_twice_goes_on_block_by_block(
    studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, "auto", tmp_path)
    with FullMemory("sample", times=3) as memory:
        result = studio.run(steps=STEPS, on_progress=memory.watch)
    actions = [measure["action"] for measure in result.recoveries]
    assert actions == ["free_caches", "offload", "group_offload"]
    assert model_of(studio).offload == "group"
    again = studio.run(steps=STEPS)
    assert again.recoveries == [] and model_of(studio).offload == "none"
    assert np.array_equal(decoded(result.video_path), decoded(again.video_path))


@pytest.mark.slow
def test_it_stays_so_while_there_is_no_room(
    studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, "auto", tmp_path)
    with FullMemory("sample", times=3) as memory:
        studio.run(steps=STEPS, on_progress=memory.watch)
    gpu.refusals = 1
    result = studio.run(steps=STEPS)
    assert model_of(studio).offload == "group" and Path(result.video_path).exists()


def test_a_part_that_is_too_large_is_streamed_by_the_rule(
    studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, "auto", tmp_path)
    weights = Footprint.of(studio.settings.model_folder("t2v")).weights(2)
    gpu.free = max(weights.values())
    assert studio.models.load("t2v").offload == "group"
