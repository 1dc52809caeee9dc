"""Axes as a request holds them."""

from __future__ import annotations

from typing import Any

import pytest

from wan_lora_studio.errors import RequestError
from wan_lora_studio.grid import Grid

SEEDS = {"of": "seed", "values": [1, 2.0]}


def test_one_axis_or_two() -> None:
    one = Grid.read({"x": SEEDS})
    assert (one.x.values, one.y, one.videos) == ((1, 2), None, 2)
    assert isinstance(one.x.values[1], int)
    two = Grid.read({"x": SEEDS, "y": {"of": "strength", "lora": "a", "values": [0, 0.5, 1]}})
    assert two.y is not None
    assert (two.y.lora, two.y.values, two.videos) == ("a", (0.0, 0.5, 1.0), 6)


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        (None, "x is not"),
        ({"of": "seed", "values": [1], "extra": 1}, "x is not"),
        ({"of": "colour", "values": [1]}, "colour"),
        ({"of": ["seed"], "values": [1]}, "seed"),
        ({"of": "seed", "values": []}, "no values"),
        ({"of": "seed", "values": "12"}, "no values"),
        ({"of": "seed", "values": [1, True, 1.5]}, "True, 1.5 is not a whole number"),
        ({"of": "seed", "lora": "a", "values": [1]}, "lora is 'a'"),
        ({"of": "strength", "values": [1]}, "names no LoRA"),
        ({"of": "strength", "lora": "a", "values": [float("nan"), 101]}, "nan, 101 is not"),
        ({"of": "lora", "lora": "", "values": ["a"]}, "lora is ''"),
        ({"of": "lora", "values": ["a", 3]}, "3 is not the name"),
        ({"of": "expert", "lora": "a", "values": ["none"]}, "both, high, low, off"),
        ({"of": "loras", "values": [["with"]]}, "with, without"),
        ({"of": "prompt", "values": ["a", " "]}, "is not a text"),
    ],
)
def test_what_cannot_be_read_is_named(axis: Any, words: str) -> None:
    with pytest.raises(RequestError, match="can’t be read") as caught:
        Grid.read({"x": axis, "y": SEEDS})
    assert words in caught.value.message
    assert caught.value.context["status"] == 400


@pytest.mark.parametrize("data", [None, [], "x", {}, {"y": SEEDS}, {"x": SEEDS, "z": SEEDS}])
def test_what_is_no_grid_is_refused(data: Any) -> None:
    with pytest.raises(RequestError, match="an axis or null"):
        Grid.read(data)
