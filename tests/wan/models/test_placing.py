"""Where weights wait, in runs: the text encoder alone, and the other parts while decoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.machine.full_memory import FullMemory
from tests.support.machine.pretend_gpu import PretendGPU
from tests.support.machine.pretend_host import PretendHost
from tests.support.offloading import moves_make_copies, weights_hash
from tests.support.studio import Studio, decoded
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.memory import foresee
from wan_lora_studio.wan.models import Decoding, Offload, Placing
from wan_lora_studio.wan.models.host_memory import ENCODER_STAYS_FROM
from wan_lora_studio.wan.models.loading import LoadedModel, ModelManager
from wan_lora_studio.wan.task import GenerationTask

STEPS = 2
LORAS: dict[str, Any] = {"lokr": 0.7, "accelerator": 1.0}
LEAVES = [("WanTransformer3DModel", "cpu"), ("WanTransformer3DModel", "cuda")]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> PretendGPU:
    moves_make_copies(monkeypatch)
    PretendHost(monkeypatch, ENCODER_STAYS_FROM)  # where both experts stay in memory
    return PretendGPU(monkeypatch)


def studio_with(settings: Settings, offload: str, tmp_path: Path) -> Studio:
    changed = {"device": "cuda", "offload": offload, "outputs_dir": tmp_path / offload}
    settings = settings.model_copy(update=changed)
    return Studio(settings, ModelManager(settings))


def model_of(studio: Studio) -> LoadedModel:
    assert studio.models.current is not None
    return studio.models.current


def test_without_its_text_encoder_a_model_makes_the_same_video_and_merges(
    studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    whole, without = (studio_with(studio_settings, each, tmp_path) for each in ("none", "encoder"))
    one, other = (each.run(selected_loras=LORAS, steps=STEPS) for each in (whole, without))
    assert np.array_equal(decoded(one.video_path), decoded(other.video_path))
    assert {report["mode"] for report in other.loras.values()} == {"merge"}
    assert gpu.moved.count("groups") == 1, "the encoder alone"
    before = weights_hash(model_of(without).pipeline)
    assert before == weights_hash(model_of(whole).pipeline)
    ways: tuple[Offload, ...] = ("group", "encoder", "model", "encoder", "none")
    for placed in ways:
        assert without.models.place(model_of(without), Placing(placed))
        assert weights_hash(model_of(without).pipeline) == before
    again = without.run(selected_loras=LORAS, steps=STEPS)
    assert np.array_equal(decoded(again.video_path), decoded(one.video_path))


def test_the_other_parts_leave_the_gpu_for_decoding_where_that_is_foreseen(
    studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, "auto", tmp_path)
    plain = studio.run(steps=STEPS)
    task = GenerationTask(model_type="t2v", prompt="x").resolved(studio.settings)
    forecast = foresee(task, studio.models, studio.loras)
    assert forecast is not None
    alone, beside = (
        forecast.needs.while_decoding("none", Decoding(alone=each)) for each in (True, False)
    )
    gpu.free, gpu.parts_moved = int((alone + beside) / 2 / 0.95), []
    result = studio.run(steps=STEPS)
    assert _moves(gpu) == [LEAVES[0]] * 2 + [LEAVES[1]] * 2
    assert np.array_equal(decoded(result.video_path), decoded(plain.video_path))
    assert model_of(studio).offload == "none" and result.recoveries == []


def test_tiles_that_are_foreseen_are_told_and_last_for_the_run(
    studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, "group", tmp_path)
    task = GenerationTask(model_type="t2v", prompt="x", width=128, height=128)
    forecast = foresee(task.resolved(studio.settings), studio.models, studio.loras)
    assert forecast is not None
    gpu.free = forecast.needs.while_decoding("group", Decoding(tiled=True)) + 10**6
    result = studio.run(steps=STEPS, width=128, height=128)
    (measure,) = (each for each in result.recoveries if each["action"] == "vae_tiling")
    assert "tiles of 64 pixels" in measure["detail"] and measure["detail"] in result.warnings
    assert not model_of(studio).pipeline.vae.use_tiling
    gpu.free = gpu.total
    assert studio.run(steps=STEPS).recoveries == []


def test_memory_that_runs_out_in_decoding_is_made_by_the_other_parts_then_by_tiles(
    studio_settings: Settings, gpu: PretendGPU, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, "auto", tmp_path)
    with FullMemory("decode", times=3) as memory:
        result = studio.run(steps=STEPS, width=64, height=64, on_progress=memory.watch)
    actions = [measure["action"] for measure in result.recoveries]
    assert actions == ["free_caches", "idle_parts", "vae_tiling"]
    assert model_of(studio).offload == "none" and set(_moves(gpu)) == set(LEAVES)


def _moves(gpu: PretendGPU) -> list[tuple[str, str]]:
    return [each for each in gpu.parts_moved if each in LEAVES]
