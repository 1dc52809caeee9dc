"""Estimates of memory: what they read, what they advise, and that they say it before the start."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import psutil
import pytest
from studio import Studio

from backend.errors import VRAMError
from backend.settings import SHIPPED_CONFIG
from backend.wan.footprint import Footprint, Forecast
from backend.wan.foresight import exhausted, foresee, require_possible, warning
from backend.wan.task import GenerationTask, Progress

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
)


def forecast(available: int, **changes: Any) -> Forecast:
    task = GenerationTask(model_type="t2v-A14B", prompt="x", width=1280, height=720, num_frames=81)
    return Forecast(task, A14B, available, **changes)


def test_a_model_folder_tells_its_sizes() -> None:
    found = Footprint.of(SHIPPED_CONFIG.parent / "models" / "demo")
    assert found.parameters["transformer"] == found.parameters["transformer_2"] > 1_000_000
    assert (found.width, found.token) == (16, 16) and found.dim > 0
    assert found.weights(4)["vae"] == found.weights(2)["vae"], "the decoder is fp32 in any case"


def test_more_frames_pixels_and_loras_need_more() -> None:
    usual = forecast(80 * GB)
    for changes in ({"num_frames": 121}, {"width": 1920}):
        more = dataclasses.replace(usual, task=dataclasses.replace(usual.task, **changes))
        assert more.needed > usual.needed
    assert dataclasses.replace(usual, loras=GB).needed == usual.needed + GB
    assert dataclasses.replace(usual, offloaded=True).needed < usual.needed / 1.5


def test_what_makes_it_fit_comes_first_then_what_saves_most() -> None:
    tight = forecast(60 * GB, can_offload=True, loras=2 * GB, largest_lora=("anime", GB))
    assert not tight.fits
    changes = tight.changes()
    assert changes[0].fits and "offload" in changes[0].words
    order = [(not change.fits, -change.saved) for change in changes]
    assert order == sorted(order)
    words = " ".join(change.words for change in changes)
    for part in ("41 instead of 81", "640×352 instead of 1280×720", "anime"):
        assert part in words
    assert "Leave out anime" in changes[-1].words and changes[-1].saved == GB


def test_the_size_that_is_named_fits_and_takes_half() -> None:
    tight = forecast(55 * GB, offloaded=True)
    small = dataclasses.replace(tight, task=tight.fitting())
    assert small.fits and small.task.width % 16 == small.task.height % 16 == 0
    assert (small.task.width or 0) < 1280 and small.task.num_frames == 81
    error = exhausted(VRAMError("Memory ran out while sampling."), tight)
    assert f"{small.task.width}×{small.task.height} with 81 frames" in error.suggestions[0]
    assert "GB" in error.cause


def test_a_warning_says_how_much_and_what_would_help() -> None:
    assert warning(forecast(500 * GB)) == ""
    words = warning(forecast(60 * GB, can_offload=True))
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
