"""What the form's scripts know of the models: limits, presets and usual values."""

from __future__ import annotations

import pytest

from utils import load_settings
from wan_lora_studio.ui.page.form_facts import form_facts, size_label

SETTINGS = load_settings()


@pytest.mark.parametrize(
    ("size", "label"),
    [
        ((1280, 720), "16:9 · 720p"),
        ((1280, 704), "16:9 · 704p"),
        ((480, 832), "9:16 · 480p"),
        ((1024, 1024), "1:1 · 1024p"),
        ((1000, 100), "1000:100 · 100p"),
    ],
)
def test_a_size_is_called_by_its_ratio_and_shorter_side(size: tuple[int, int], label: str) -> None:
    assert size_label(*size) == label


@pytest.mark.parametrize("name", list(SETTINGS.models))
def test_every_preset_is_one_that_the_model_takes(name: str) -> None:
    row, facts = SETTINGS.models[name], form_facts(SETTINGS)[name]
    first = facts["sizes"][0]
    assert (first["width"], first["height"]) == (row.width, row.height)
    for size in facts["sizes"]:
        assert size["width"] % row.size_multiple == size["height"] % row.size_multiple == 0
    assert facts["seconds"][-1] == (row.num_frames - 1) / row.fps


def test_a_row_of_ones_own_offers_its_sizes() -> None:
    row = {"like": "t2v-A14B", "title": "Mine", "sizes": [[640, 640]]}
    settings = load_settings(models={"mine": row})
    labels = [size["label"] for size in form_facts(settings)["mine"]["sizes"]]
    assert labels == ["16:9 · 720p", "1:1 · 640p"]
