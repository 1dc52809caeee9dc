from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.lora.selection.strengths import LIMIT, LoRASelection, Schedule

STRENGTHS = st.floats(-LIMIT, LIMIT)
POINTS = st.dictionaries(st.floats(0, 1), STRENGTHS, min_size=1, max_size=5).map(
    lambda points: [[start, points[start]] for start in sorted(points)]
)
VALUES = st.one_of(STRENGTHS, POINTS)
SELECTIONS = st.dictionaries(
    st.text(min_size=1),
    st.one_of(VALUES, st.fixed_dictionaries({"high": VALUES, "low": VALUES})),
    max_size=4,
)


@given(SELECTIONS)
def test_what_was_parsed_can_be_written_and_parsed_again(selection: dict[str, Any]) -> None:
    parsed = LoRASelection.parse(selection)
    assert parsed.names == tuple(selection)
    read_back = LoRASelection.parse(parsed.to_plain())
    for (name, strength), (_, again) in zip(parsed.items, read_back.items, strict=True):
        for expert in ("high", "low"):
            first, second = strength.for_expert(expert), again.for_expert(expert)
            for fraction in (0.0, 0.3, 1.0):
                assert first.at(fraction) == second.at(fraction), name


def test_a_number_is_for_both_experts() -> None:
    ((_, strength),) = LoRASelection.parse({"a": 0.8}).items
    assert strength.high.at(0.0) == strength.low.at(1.0) == 0.8
    assert strength.to_plain() == 0.8


def test_an_expert_that_is_not_named_gets_nothing() -> None:
    ((_, strength),) = LoRASelection.parse({"a": {"low": 0.5}}).items
    assert (strength.high.at(0.5), strength.low.at(0.5)) == (0.0, 0.5)


def test_a_schedule_holds_from_each_point_on() -> None:
    schedule = Schedule(((0.25, 1.0), (0.5, 0.0)))
    assert [schedule.at(f) for f in (0.0, 0.25, 0.49, 0.5, 1.0)] == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert not schedule.constant


@pytest.mark.parametrize(
    "value",
    [
        "1", True, None, [], {}, {"hihg": 1}, math.nan, math.inf, LIMIT + 1,
        [[0.0]], [[0.0, 1.0], [0.0, 2.0]], [[0.5, 1.0], [0.25, 1.0]], [[1.5, 1.0]],
        [[0.0, math.nan]], [["0", 1.0]], {"high": 1.0, "low": "x"}, 10**309, -(10**5000),
        [[10**309, 1]], [[0, 10**5000]], "9" * 100_000, [["x" * 100_000] * 100],
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_strength_is_refused_by_name(value: Any) -> None:
    with pytest.raises(GenerationError, match="style") as caught:
        LoRASelection.parse({"style": value})
    assert caught.value.suggestions
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("value", [[], "a", None, 5])
def test_what_is_no_selection_is_refused(value: Any) -> None:
    with pytest.raises(GenerationError, match="not an object of names"):
        LoRASelection.parse(value)


def test_many_problems_are_counted() -> None:
    with pytest.raises(GenerationError, match="and 980 more") as caught:
        LoRASelection.parse({f"{number}": "x" * 10_000 for number in range(1000)})
    assert len(caught.value.message) < 10_000


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(GenerationError) as caught:
        LoRASelection.parse({"a": "x", "": 1.0, "b": {"high": "y", "low": "z"}, "good": 1.0})
    assert len(caught.value.context["problems"]) == 4
