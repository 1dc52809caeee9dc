"""Estimates of memory: what they read, what they advise, and that they say it before the start."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.machine.pretend_gpu import PretendGPU
from tests.support.studio import Studio
from wan_lora_studio.errors import VRAMError
from wan_lora_studio.settings import SHIPPED_CONFIG
from wan_lora_studio.wan.memory.footprint import Footprint, Forecast
from wan_lora_studio.wan.memory.forecast import (
    exhausted,
    foresee,
    require_possible,
    tiling,
    warning,
)
from wan_lora_studio.wan.models.loading import ModelManager
from wan_lora_studio.wan.models.needs import Decoding, Offload
from wan_lora_studio.wan.models.offload import Room, decoding_for, placing_for
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
    more = dataclasses.replace(usual, loras=GB)
    beside = more.needs.sampling - usual.needs.sampling
    assert beside > 0 and more.needed == usual.needed + GB + beside
    parts, blocks = (dataclasses.replace(usual, placed=each).needed for each in ("model", "group"))
    assert blocks < parts / 1.8 and parts < usual.needed / 1.5


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
        'Set "offload" to "auto" or "model" in config.json, which is slower. '
        "Use a smaller size: 640×352 instead of 1280×720."
    )
    done = dataclasses.replace(tight.task, width=640, height=352)
    changed = dataclasses.replace(tight, task=done, placed="model")
    assert changed.fits and together.saved == tight.needed - changed.needed
    assert together.words in warning(tight)


def test_together_may_take_a_still_smaller_size_or_nothing_at_all() -> None:
    small_encoder = dataclasses.replace(A14B, streamed={**A14B.streamed, "text_encoder": GB})
    offloaded = dataclasses.replace(
        forecast(0, offload="group"), placed="group", footprint=small_encoder
    )
    weights = offloaded.weights_alone
    smaller = dataclasses.replace(offloaded, available=weights + GB).changes()[0]
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
    ("setting", "cuda", "free", "expected"),
    [
        ("auto", True, 12, "group"),
        ("auto", True, 40, "group"),
        ("auto", True, 48, "model"),
        ("auto", True, 80, "encoder"),
        ("auto", True, 96, "none"),
        ("encoder", True, 96, "encoder"),
        ("model", True, 96, "model"),
        ("group", True, 96, "group"),
        ("none", True, 24, "none"),
        ("auto", False, 24, "none"),
        ("model", False, 24, "none"),
        ("group", False, 24, "none"),
    ],
)
def test_weights_wait_on_the_host_where_they_leave_too_little_room(
    setting: str, cuda: bool, free: int, expected: str
) -> None:
    room = Room(free * GB, 200 * GB, 256 * GB) if cuda else None
    found = placing_for(setting, forecast(0).needs, room)
    assert found.offload == expected
    assert ("settings" in found.reason) == (cuda and setting != "auto")


def test_what_is_free_decides_and_not_what_there_is(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = PretendGPU(monkeypatch, 100 * GB)
    settings = studio.settings.model_copy(update={"device": "cuda", "offload": "auto"})
    task = GenerationTask(model_type="t2v", prompt="x").resolved(settings)

    def found() -> Forecast:
        known = foresee(task, ModelManager(settings), studio.loras)
        assert known is not None
        return known

    assert found().placed == "none" and f"{100 * GB / GB:.1f} GB are free" in found().reason
    gpu.free = GB // 50
    assert found().placed == "group" and found().reason.endswith("and 0.0 GB are free.")
    gpu.held = 10 * GB
    assert found().placed == "none", "what we hold ourselves is used or makes way"


@pytest.mark.parametrize("placed", ["none", "encoder", "model"])
def test_the_rule_counts_what_is_computed(placed: Offload) -> None:
    needs = dataclasses.replace(forecast(0).needs, decoding=0, decoding_in_tiles=0)
    for share, fits in ((0.94, True), (0.96, False)):
        room = Room(int(needs.while_sampling(placed) / share), 200 * GB, 256 * GB)
        assert (placing_for("auto", needs, room).offload == placed) == fits


def test_a_way_that_the_host_has_no_room_for_is_not_taken() -> None:
    needs = forecast(0).needs
    assert placing_for("auto", needs, Room(48 * GB, 60 * GB, 64 * GB)).offload == "model"
    full = placing_for("auto", needs, Room(80 * GB, 12 * GB, 64 * GB))
    assert full.offload == "encoder", "the GPU has room for nothing faster"
    swapped = placing_for("auto", needs, Room(120 * GB, 12 * GB, 64 * GB))
    assert swapped.offload == "none", "what waits there needs as much of it"


def test_before_tiles_are_used_the_other_parts_leave_the_gpu() -> None:
    needs = dataclasses.replace(forecast(0).needs, sampling=GB)
    whole, alone = (needs.while_decoding("none", Decoding(each)) for each in (False, True))
    tiled = needs.while_decoding("none", Decoding(tiled=True))
    for free, host, expected in (
        (whole, 200 * GB, Decoding()),
        (tiled, 200 * GB, Decoding(alone=True)),
        (tiled, 60 * GB, Decoding(tiled=True)),
        (alone, 60 * GB, Decoding(tiled=True)),
        (alone * 0.5, 200 * GB, Decoding(alone=True, tiled=True)),
    ):
        assert decoding_for(needs, "none", int(free / 0.95) + 1, host) == expected
    assert decoding_for(needs, "model", int(alone / 0.95) + 1, 0) == Decoding()
    assert decoding_for(needs, "none", tiled, None) == Decoding(tiled=True), "no GPU"


def test_tiles_are_told_before_the_start() -> None:
    tight = forecast(24 * GB, placed="group", offload="auto", host=200 * GB, memory=256 * GB)
    assert tiling(tight) == ""
    words = tiling(dataclasses.replace(tight, available=20 * GB))
    assert "tiles of 256 pixels" in words and "20.9 GB" in words and "20.0 GB are free" in words


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
    with pytest.raises(VRAMError, match="too large") as caught:
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
