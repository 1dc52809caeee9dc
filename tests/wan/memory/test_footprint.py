"""Estimates of memory: what they read, what they advise, and that they say it before the start."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from tests.support.studio import Studio
from wan_lora_studio.errors import VRAMError
from wan_lora_studio.settings import SHIPPED_CONFIG
from wan_lora_studio.wan.memory.footprint import Footprint, Forecast
from wan_lora_studio.wan.memory.forecast import exhausted, foresee, require_possible, warning
from wan_lora_studio.wan.models.loading import ModelManager
from wan_lora_studio.wan.models.offload import offload_for
from wan_lora_studio.wan.task import GenerationTask, Progress

GB = 10**9
A14B = Footprint(
    {
        "transformer": 14_288_491_584,
        "transformer_2": 14_288_491_584,
        "text_encoder": 5_680_910_336,
        "vae": 126_892_531,
    },
    dim=5120,
    width=96,
    token=16,
    streamed={  # two blocks, and what is outside of all; two of the largest tensors
        "transformer": 930_000_000,
        "transformer_2": 930_000_000,
        "text_encoder": 2_100_000_000,
        "vae": 126_892_531,
    },
)


def forecast(available: int, **changes: Any) -> Forecast:
    task = GenerationTask(model_type="t2v-A14B", prompt="x", width=1280, height=720, num_frames=81)
    return Forecast(task, A14B, available, **changes)


def test_a_model_folder_tells_its_sizes() -> None:
    found = Footprint.of(SHIPPED_CONFIG.parent / "models" / "demo")
    assert found.parameters["transformer"] == found.parameters["transformer_2"] > 1_000_000
    assert (found.width, found.token) == (16, 16) and found.dim > 0
    assert found.weights(4)["vae"] == found.weights(2)["vae"], "the decoder is fp32 in any case"


def test_a_decoder_that_works_on_patches_takes_less(tmp_path: Path) -> None:
    task = GenerationTask(model_type="x", prompt="x", width=1280, height=704, num_frames=121)
    found = []
    for patch in ({}, {"patch_size": None}, {"patch_size": 2, "scale_factor_spatial": 16}):
        (tmp_path / "vae").mkdir(exist_ok=True)
        config = json.dumps({"base_dim": 160, "decoder_base_dim": 256, **patch})
        (tmp_path / "vae" / "config.json").write_text(config, encoding="utf-8")
        found.append(Footprint.of(tmp_path).decoding(task))
    assert found[0] == found[1] > 2 * found[2]


def test_more_frames_pixels_and_loras_need_more() -> None:
    usual = forecast(80 * GB)
    for changes in ({"num_frames": 121}, {"width": 1920}):
        more = dataclasses.replace(usual, task=dataclasses.replace(usual.task, **changes))
        assert more.needed > usual.needed
    assert dataclasses.replace(usual, loras=GB).needed == usual.needed + GB
    parts, blocks = (dataclasses.replace(usual, placed=each).needed for each in ("model", "group"))
    assert blocks < parts / 1.9 and parts < usual.needed / 1.5


def test_what_makes_it_fit_comes_first_then_what_saves_most() -> None:
    tight = forecast(60 * GB, offload="none", loras=2 * GB, largest_lora=("anime", GB))
    assert not tight.fits
    changes = tight.changes()
    assert changes[0].fits and "offload" in changes[0].words
    order = [(not change.fits, -change.saved) for change in changes]
    assert order == sorted(order)
    words = " ".join(change.words for change in changes)
    for part in ("41 instead of 81", "640×352 instead of 1280×720", "anime"):
        assert part in words
    assert "Leave out anime" in changes[-1].words and changes[-1].saved == GB


def test_what_makes_it_fit_only_together_is_named_together() -> None:
    tight = forecast(36 * GB, offload="none", loras=4 * GB, largest_lora=("anime", 3 * GB))
    together, *alone = tight.changes()
    assert len(alone) == 4 and not any(change.fits for change in alone)
    assert together.fits and together.words == (
        'Set "offload" to "auto" or "model" in config.json, which is slower, '
        "and use a smaller size: 640×352 instead of 1280×720."
    )
    done = dataclasses.replace(tight.task, width=640, height=352)
    changed = dataclasses.replace(tight, task=done, placed="model")
    assert changed.fits and together.saved == tight.needed - changed.needed
    assert together.words.rstrip(".") in warning(tight)


def test_together_may_take_a_still_smaller_size_or_nothing_at_all() -> None:
    offloaded = dataclasses.replace(forecast(0, offload="group"), placed="group")
    weights = offloaded.weights_alone
    smaller = dataclasses.replace(offloaded, available=weights + GB // 2).changes()[0]
    assert smaller.fits and "480×256 instead of 1280×720" in smaller.words
    hopeless = dataclasses.replace(offloaded, available=weights // 2).changes()
    assert hopeless and not any(change.fits for change in hopeless)


def test_the_setting_that_is_advised_is_another_one() -> None:
    def words(**changes: Any) -> str:
        return " ".join(change.words for change in forecast(60 * GB, **changes).changes())

    assert '"offload" to "auto" or "model"' in words(offload="none")
    assert '"offload" to "model"' in words(offload="auto") and '"auto"' not in words(offload="auto")
    assert '"offload" to "group"' in words(offload="auto", placed="model")
    assert "offload" not in words(offload="auto", placed="group") + words()


@pytest.mark.parametrize(
    ("setting", "cuda", "total", "expected"),
    [
        ("auto", True, 12, "group"),
        ("auto", True, 32, "group"),
        ("auto", True, 40, "model"),
        ("auto", True, 80, "model"),
        ("auto", True, 96, "none"),
        ("model", True, 96, "model"),
        ("group", True, 96, "group"),
        ("none", True, 24, "none"),
        ("auto", False, 24, "none"),
        ("model", False, 24, "none"),
        ("group", False, 24, "none"),
    ],
)
def test_weights_wait_on_the_host_where_they_leave_too_little_room(
    setting: str, cuda: bool, total: int, expected: str
) -> None:
    weights = A14B.weights(2)  # 69 GB
    assert offload_for(setting, cuda=cuda, weights=weights, total=total * GB) == expected


@pytest.mark.parametrize(("share", "placed"), [(0.79, "none"), (0.81, "model"), (8, "group")])
def test_before_it_is_loaded_a_model_counts_as_it_will_be_placed(
    share: float, placed: str, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = studio.settings.model_copy(update={"device": "cuda", "offload": "auto"})
    weights = sum(Footprint.of(settings.model_folder("t2v")).weights(2).values())
    gpu = SimpleNamespace(total_memory=int(weights / share))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: gpu)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (gpu.total_memory, gpu.total_memory))
    task = GenerationTask(model_type="t2v", prompt="x").resolved(settings)
    found = foresee(task, ModelManager(settings), studio.loras)
    assert found is not None and found.placed == placed and found.offload == "auto"


def test_weights_of_eight_bits_take_half() -> None:
    demo = SHIPPED_CONFIG.parent / "models" / "demo"
    wide, narrow = (Footprint.of(demo, each).weights(2) for each in ("bf16", "fp8"))
    for name in ("transformer", "transformer_2"):
        assert narrow[name] * 2 == wide[name]
    assert (narrow["vae"], narrow["text_encoder"]) == (wide["vae"], wide["text_encoder"])
    pair = sum(dataclasses.replace(A14B, fp8=True).weights(2).values())
    assert 40 * GB < pair < 41 * GB, "what the README says"


def test_the_size_that_is_named_fits_and_takes_half() -> None:
    tight = forecast(55 * GB, placed="model")
    small = dataclasses.replace(tight, task=tight.fitting())
    assert small.fits and small.task.width % 16 == small.task.height % 16 == 0
    assert (small.task.width or 0) < 1280 and small.task.num_frames == 81
    error = exhausted(VRAMError("Memory ran out while sampling."), tight)
    assert f"{small.task.width}×{small.task.height} with 81 frames" in error.suggestions[0]
    assert "GB" in error.cause


def test_a_warning_says_how_much_and_what_would_help() -> None:
    assert warning(forecast(500 * GB)) == ""
    words = warning(forecast(60 * GB, offload="none"))
    assert "60.0 GB are free" in words and "offload" in words and "makes it fit" in words


def test_weights_that_no_memory_holds_are_refused_before_anything_is_loaded(
    studio: Studio,
) -> None:
    total = psutil.virtual_memory().total + psutil.swap_memory().total
    huge = dataclasses.replace(A14B, parameters={"transformer": total})
    with pytest.raises(VRAMError, match="cannot be held") as caught:
        require_possible(dataclasses.replace(forecast(GB), footprint=huge), studio.settings)
    assert "smaller model" in caught.value.suggestions[0]
    require_possible(dataclasses.replace(forecast(GB), width_bytes=0), studio.settings)


def test_the_models_own_memory_counts_as_free_once_it_is_loaded(studio: Studio) -> None:
    studio.models.load("t2v")
    found = foresee(
        GenerationTask(model_type="t2v", prompt="x").resolved(studio.settings),
        studio.models,
        studio.loras,
    )
    assert found is not None and found.fits and found.width_bytes == 4


def test_a_run_that_will_hardly_fit_says_so_before_it_starts(studio: Studio) -> None:
    """Frames by the thousand are estimated only: the run is cancelled before its first step."""
    seen: list[Progress] = []
    with pytest.raises(Exception, match="cancelled"):
        studio.run(
            width=16_384,
            height=16_384,
            on_progress=seen.append,
            cancel=lambda: any(progress.notes for progress in seen),
        )
    assert "estimated to need" in seen[0].message
    assert "smaller size" in seen[0].message
    assert Path(studio.settings.outputs_dir).exists() is False
