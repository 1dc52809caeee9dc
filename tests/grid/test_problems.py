"""What keeps a grid from being run, in words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.grids import MakeFacts, axis
from wan_lora_studio.grid import Grid, problems_of

GOLDEN = {"golden_hour": 1.0}
STRENGTH = axis("strength", 0, 1, lora="golden_hour")


@pytest.mark.parametrize(
    ("x", "y", "what"),
    [
        (axis("seed", 1), axis("seed", 2), "the seed"),
        (axis("steps", 4), axis("accelerator", "lightning_4step"), "the steps"),
        (STRENGTH, STRENGTH, "golden_hour"),
        (STRENGTH, axis("loras", "with", "without"), "golden_hour"),
        (STRENGTH, axis("prompt", "a cat <lora:golden_hour:1>"), "golden_hour"),
        (
            axis("strength", 1, lora="motion_trail"),
            axis("lora", "motion_trail", lora="golden_hour"),
            "motion_trail",
        ),
        (axis("lora", "motion_trail"), axis("lora", "motion_trail", None), "motion_trail"),
    ],
)
def test_two_axes_that_change_the_same(facts: MakeFacts, x: Any, y: Any, what: str) -> None:
    chosen = facts(selected_loras=GOLDEN)
    for first, second in ((x, y), (y, x)):
        (problem,) = problems_of(Grid.read({"x": first, "y": second}), chosen)
        words = f"Both axes change {chosen.title(what)}. Choose something else for one of them."
        assert (problem.text, problem.axis) == (words, None)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (STRENGTH, axis("expert", "high", lora="golden_hour")),
        (STRENGTH, axis("lora", "motion_trail", lora="golden_hour")),
        (STRENGTH, axis("strength", 1, lora="motion_trail")),
        (axis("lora", "motion_trail"), axis("lora", "pixel_mosaic")),
        (axis("loras", "with", "without"), axis("accelerator", None, "lightning_4step")),
    ],
)
def test_axes_that_go_together(facts: MakeFacts, x: Any, y: Any) -> None:
    assert problems_of(Grid.read({"x": x, "y": y}), facts(selected_loras=GOLDEN)) == []


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (axis("seed", 5, 6, 5), "Seed: 5 is there twice"),
        (axis("seed", *range(501)), "501 videos. One job makes at most 500"),
        (axis("strength", 1, lora="golden_hou"), "golden_hou"),
        (axis("lora", "nothing"), "nothing"),
        (axis("lora", "golden_hour"), "selected already"),
        (axis("lora", "golden_hour", lora="motion_trail"), "isn’t selected"),
        (axis("accelerator", "golden_hour"), "is not an accelerator"),
    ],
)
def test_an_axis_by_itself(facts: MakeFacts, x: Any, words: str) -> None:
    problems = problems_of(Grid.read({"x": x}), facts(selected_loras=GOLDEN))
    assert any(words in problem.text for problem in problems)


def test_a_problem_names_its_axis(facts: MakeFacts) -> None:
    grid = Grid.read({"x": axis("steps", 4, 5), "y": axis("seed", 1, 1)})
    (problem,) = problems_of(grid, facts())
    assert (problem.axis, problem.text) == ("y", "Seed: 1 is there twice. Take one out.")


def test_nothing_to_leave_out_and_no_expert_to_choose(facts: MakeFacts) -> None:
    loras = Grid.read({"x": axis("loras", "with", "without")})
    assert "nothing to leave out" in problems_of(loras, facts())[0].text
    experts = Grid.read({"x": axis("expert", "high", lora="golden_hour")})
    assert "one expert" in problems_of(experts, facts(model_type="ti2v-5B"))[0].text
