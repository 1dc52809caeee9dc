"""The renderer draws what the captions say, and the analysis sees it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from demo import split
from demo.analysis import blockiness, hollowness, look_at, trail, warmth
from demo.effects import Look, render
from demo.world import Scenes, Window, place


def scenes(count: int) -> tuple[Scenes, list[list[int]]]:
    _, held_out = split.combinations()
    return place(held_out[:count], torch.Generator().manual_seed(1)), held_out[:count].tolist()


def as_pictures(video: Tensor) -> Tensor:
    """[3, F, H, W] in -1..1 to [F, H, W, 3] in 0..1."""
    return ((video + 1) / 2).permute(1, 2, 3, 0)


def test_analysis_sees_what_the_renderer_drew() -> None:
    drawn, wanted = scenes(12)
    for video, attributes in zip(render(drawn), wanted, strict=True):
        assert look_at(as_pictures(video)).hits(attributes) == [True] * 4


def test_a_window_is_the_same_cut_of_the_whole_video() -> None:
    drawn, _ = scenes(2)
    whole = render(drawn)
    window = Window(
        torch.tensor([16.0, 40.0]), torch.tensor([8.0, 64.0]), torch.tensor([3.0, 5.0]), 32, 48, 5
    )
    cut = render(drawn, window)
    assert torch.allclose(cut[0], whole[0, :, 3:8, 8:56, 16:48], atol=1e-5)
    assert torch.allclose(cut[1], whole[1, :, 5:10, 64:112, 40:72], atol=1e-5)


@pytest.mark.parametrize(
    ("look", "measure"),
    [
        (Look(neon=True), hollowness),
        (Look(mosaic=16), blockiness),
        (Look(golden=True), warmth),
        (Look(trail=True), trail),
    ],
)
def test_each_measure_rises_with_its_look(look: Look, measure) -> None:
    drawn, _ = scenes(4)
    plain = [measure(as_pictures(video)) for video in render(drawn)]
    drawn_with_look = [measure(as_pictures(video)) for video in render(drawn, None, look)]
    assert all(a < b for a, b in zip(plain, drawn_with_look, strict=True))


def test_held_out_combinations_are_never_drawn_for_training() -> None:
    training, held_out = split.combinations()
    assert len(held_out) == 96
    assert not {tuple(row) for row in training.tolist()} & {tuple(row) for row in held_out.tolist()}
