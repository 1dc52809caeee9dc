"""An input picture cut to a video's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from utils import GenerationError
from wan_lora_studio.ui.forms.cropping import cropped, padded
from wan_lora_studio.ui.forms.input_pictures import WHOLE, PictureStore


@pytest.fixture
def halves() -> Image.Image:
    """Red on the left, blue on the right; 400 by 200 pixels."""
    picture = Image.new("RGB", (400, 200), "red")
    picture.paste("blue", (200, 0, 400, 200))
    return picture


def box(x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"x": x, "y": y, "width": width, "height": height}


def test_a_part_fills_the_size(halves: Image.Image) -> None:
    right = cropped(halves, (64, 64), box(0.6, 0, 0.4, 1))
    assert right.size == (64, 64)
    assert right.getcolors() == [(64 * 64, (0, 0, 255))]


def test_the_same_size_changes_nothing(halves: Image.Image) -> None:
    assert cropped(halves, halves.size, WHOLE).tobytes() == halves.tobytes()


def test_all_of_it_with_a_rim(halves: Image.Image) -> None:
    whole = padded(halves, (100, 100))
    assert whole.size == (100, 100)
    assert whole.getpixel((10, 50)) == (255, 0, 0)
    assert whole.getpixel((90, 50)) == (0, 0, 255)
    rim = whole.getpixel((10, 2))
    assert isinstance(rim, tuple) and 100 < rim[0] < 200


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "all",
        {},
        box(-0.1, 0, 1, 1),
        box(0.5, 0, 0.6, 1),
        box(0, 0, 0, 1),
        {**WHOLE, "x": "0"},
    ],
)
def test_a_box_outside_of_the_picture_is_refused(halves: Image.Image, wrong: Any) -> None:
    with pytest.raises(GenerationError):
        cropped(halves, (64, 64), wrong)


def test_the_store_cuts_to_the_tasks_size(tmp_path: Path, halves: Image.Image) -> None:
    store = PictureStore(tmp_path)
    key = store.add(halves)
    for wanted in (
        {"id": key, "fit": "pad"},
        {"id": key, "fit": "crop", "box": WHOLE},
        {"id": key},
    ):
        with Image.open(store.cut(wanted, 96, 64)) as made:
            assert made.size == (96, 64)
    assert store.cut(key, 96, 64) == store.file(key)
    assert store.cut({"id": key}, None, "wide") == store.file(key)
    with pytest.raises(GenerationError):
        store.cut({"id": "../x"}, 96, 64)
