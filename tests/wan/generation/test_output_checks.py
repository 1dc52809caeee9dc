"""What counts as a picture, and what an unusable result says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.wan.generation.output_checks import (
    Whereabouts,
    require_finite_latents,
    require_picture,
)

WHERE = Whereabouts(3, 20, "low", ("anime", "motion"))


def frames(level: int = 0) -> np.ndarray[tuple[int, int, int, int], np.dtype[np.uint8]]:
    return np.full((5, 16, 24, 3), level, np.uint8)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_bad_number_fails_naming_step_expert_and_loras(value: float) -> None:
    latents = torch.zeros(1, 4, 2, 4, 4)
    require_finite_latents(latents, WHERE)
    latents[0, 3, 1, 2, 2] = value
    with pytest.raises(GenerationError, match=r"Step 3 of 20 \(low noise\).*anime, motion") as told:
        require_finite_latents(latents, WHERE)
    context = told.value.context
    assert (context["step"], context["expert"], context["loras"]) == (3, "low", ["anime", "motion"])
    assert "strength" in told.value.suggestions[0]


def test_black_is_no_picture() -> None:
    with pytest.raises(GenerationError, match=r"all black.*step 3 of 20.*anime, motion"):
        require_picture(frames(), WHERE)


def test_neither_is_any_other_single_colour_however_grainy() -> None:
    video = frames(100)
    video[..., 2] = 30
    video[::2] += 2
    with pytest.raises(GenerationError, match=r"one colour \(RGB \[101, 101, 31\]\)") as told:
        require_picture(video, WHERE)
    assert told.value.context["colour"] == [101, 101, 31]


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_dark_video_with_anything_in_it_passes(channel: int) -> None:
    video = frames()
    video[4, 8, 8, channel] = 3  # one pixel of one frame
    require_picture(video, WHERE)


def test_black_that_fades_in_passes() -> None:
    video = frames()
    video[4] = 9
    require_picture(video, WHERE)


def test_without_loras_the_model_is_suspected() -> None:
    with pytest.raises(GenerationError, match="LoRAs in force: none") as told:
        require_picture(frames(), Whereabouts(1, 1, "high", ()))
    assert "model" in " ".join(told.value.suggestions)
