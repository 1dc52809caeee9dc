"""WanGP's multipliers: its documented examples, its own expansion over the steps, bad texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.lora.selection.strengths import LoRASelection
from wan_lora_studio.lora.selection.wangp_multipliers import Phases, parse_multipliers

# text, number of LoRAs, their values; from WanGP's docs/LORAS.md
DOCUMENTED: dict[str, tuple[str, int, list[Any]]] = {
    "simple": ("1.2 0.8", 2, [1.2, 0.8]),
    "over the steps": (
        "0.9,0.6\n1.2,1.1,1.0,0.9",
        2,
        [[[0, 0.9], [0.5, 0.6]], [[0, 1.2], [0.25, 1.1], [0.5, 1.0], [0.75, 0.9]]],
    ),
    "low noise only": ("0;1", 1, [{"high": 0, "low": 1}]),
    "a pair": ("1;0 0;1 ", 2, [{"high": 1, "low": 0}, {"high": 0, "low": 1}]),
    "both kinds": (
        "1;0\n0;1 \n0.8,0.5",
        3,
        [{"high": 1, "low": 0}, {"high": 0, "low": 1}, [[0, 0.8], [0.5, 0.5]]],
    ),
    "accelerators end": ("1;0 0;1| 0.5", 3, [{"high": 1, "low": 0}, {"high": 0, "low": 1}, 0.5]),
    "comments": ("# two of them\r\n1 # first\n# second:\n-.5", 2, [1.0, -0.5]),
    "fewer than LoRAs": ("0.5", 3, [0.5, 1.0, 1.0]),
    "none": (" \n# nothing", 2, [1.0, 1.0]),
}


@pytest.mark.parametrize("example", DOCUMENTED)
def test_documented_examples(example: str) -> None:
    text, count, values = DOCUMENTED[example]
    assert parse_multipliers(text, count) == values


def test_changes_within_a_phase_need_its_share_of_the_steps() -> None:
    found = parse_multipliers("0.9,0.8;1.2,1.1 0.5;0,0.7", 2, handover=0.25)
    assert found == [
        {"high": [[0, 0.9], [0.125, 0.8]], "low": [[0.25, 1.2], [0.625, 1.1]]},
        {"high": 0.5, "low": [[0.25, 0.0], [0.625, 0.7]]},
    ]
    with pytest.raises(GenerationError, match="changes within high noise"):
        parse_multipliers("0.9,0.8;1", 1)


def expanded(values: list[float], steps: int) -> list[float]:
    """What WanGP uses at each step of a phase: the value at the step's share of the list."""
    return [values[step * len(values) // steps] for step in range(steps)]


strengths = st.lists(st.integers(-400, 400).map(lambda n: n / 4), min_size=1, max_size=5)


@settings(deadline=None)
@given(strengths, strengths, st.integers(1, 12), st.integers(1, 12))
def test_each_step_has_the_strength_that_it_has_in_wangp(
    high: list[float], low: list[float], high_steps: int, low_steps: int
) -> None:
    steps = high_steps + low_steps
    text = ";".join(",".join(map(str, values)) for values in (high, low))
    (value,) = parse_multipliers(text, 1, handover=high_steps / steps)
    ((_, strength),) = LoRASelection.parse({"a": value}).items
    used = [
        (strength.high if step < high_steps else strength.low).at(step / steps)
        for step in range(steps)
    ]
    assert used == expanded(high, high_steps) + expanded(low, low_steps)


@settings(deadline=None)
@given(st.lists(strengths, max_size=4), st.integers(1, 30))
def test_values_without_phases_share_all_steps(loras: list[list[float]], steps: int) -> None:
    text = "\n".join(",".join(map(str, values)) for values in loras)
    for values, found in zip(loras, parse_multipliers(text, len(loras)), strict=True):
        ((_, strength),) = LoRASelection.parse({"a": found}).items
        used = [strength.low.at(step / steps) for step in range(steps)]
        assert used == expanded(values, steps)


WRONG = {
    "words": ("1 strong", "'strong' in 'strong' is not a number"),
    "empty phase": ("1;", "'' in '1;' is not a number"),
    "empty value": ("1,,2", "'' in '1,,2' is not a number"),
    "not finite": ("nan", "'nan' in 'nan' is not a number"),
    "not a number of WanGP's": ("1_0", "'1_0'"),
    "too strong": ("101", "101 in '101' is not between -100 and 100"),
    "four phases": ("0;1;0;1", "4 phases, but there are at most 3"),
    "three phases at unknown steps": ("0;1;0", "changes within high noise"),
    "two bars": ("1|1|", "more than once"),
    "too many": ("1 1 1", "3 multipliers for 2 LoRAs"),
}


@pytest.mark.parametrize("way", WRONG)
def test_what_cannot_be_read_is_named(way: str) -> None:
    text, reason = WRONG[way]
    with pytest.raises(GenerationError) as caught:
        parse_multipliers(text, 2)
    assert reason in caught.value.message
    assert "1;0 0;1" in caught.value.suggestions[0]


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(GenerationError) as caught:
        parse_multipliers("a;b 1;2;3;4 200", 2)
    assert len(caught.value.context["problems"]) == 5


LIGHTNING = {
    "num_inference_steps": 8, "flow_shift": 5, "guidance_phases": 3,
    "switch_threshold": 965, "switch_threshold2": 800, "model_switch_phase": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "phases", "handover", "expected"),
    [
        ("1;1;0", Phases(2), None, {"high": 1, "low": 0}),
        ("0;0;1", Phases(2), None, {"high": 0, "low": 1}),
        ("1;0;0", Phases(1), None, {"high": 1, "low": 0}),
        ("0;1;0", Phases(2), 0.5, {"high": [[0, 0], [0.25, 1]], "low": 0}),
        ("0;1;0", Phases(1), 0.5, {"high": 0, "low": [[0.5, 1], [0.75, 0]]}),
        ("0;1;0", Phases(2, (0.25, 0.75)), None, {"high": [[0, 0], [0.25, 1]], "low": 0}),
        ("1;0.5;0", Phases(1, (0.25, 0.75)), None, {"high": 1, "low": [[0.25, 0.5], [0.75, 0]]}),
        (
            "0,1;2;3",
            Phases(2, (0.5, 0.75)),
            None,
            {"high": [[0, 0], [0.25, 1], [0.5, 2]], "low": 3},
        ),
        ("0;1;2", Phases(2, (0.0, 0.5)), None, {"high": 1, "low": 2}),
        ("0;1;2", Phases(2, (0.5, 0.5)), None, {"high": 0, "low": 2}),
        ("0;1;2", Phases(2, (0.0, 0.0)), None, {"high": 0, "low": 2}),
        ("0;1;2", Phases(1, (1.0, 1.0)), None, {"high": 0, "low": 1}),
        ("0.4;0.8", Phases(2, (0.25, 0.75)), None, {"high": 0.4, "low": 0.8}),
        (
            "0.1,0.2;0.8",
            Phases(2, (0.25, 0.5)),
            None,
            {"high": [[0, 0.1], [0.25, 0.2]], "low": 0.8},
        ),
    ],
)
def test_three_phases_are_two_experts(
    text: str, phases: Phases, handover: float | None, expected: dict[str, Any]
) -> None:
    (found,) = parse_multipliers(text, 1, handover=handover, phases=phases)
    assert found == expected
    LoRASelection.parse({"a": found})


def test_phases_end_where_wangps_thresholds_are() -> None:
    # Of eight steps at shift 5 the noise is 1000, 972, 938, 893, 833, 750, 625, 417.
    assert Phases.of(LIGHTNING) == Phases(2, (2 / 8, 5 / 8))
    assert Phases.of({**LIGHTNING, "model_switch_phase": 1}).handover == 2 / 8
    assert Phases.of({"guidance_phases": 3}) == Phases(1)
    assert Phases.of({"loras_multipliers": "0;1;0"}) == Phases(2)
    for wrong in (10**400, "x", None, True, [], -1, 0, float("nan")):
        for name in LIGHTNING:
            Phases.of({**LIGHTNING, name: wrong})


def test_three_phases_are_noted() -> None:
    assert Phases.of(LIGHTNING).note("1 0;1") == ""
    note = Phases.of(LIGHTNING).note("1 0;1;0")
    assert "phases 1 and 2 as high noise, phase 3 as low noise" in note
    assert "equal shares" in Phases(1).note("0;1;0")


@settings(deadline=None)
@given(
    st.text("0123456789.,; ", max_size=20),
    st.sampled_from([1, 2]),
    st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_phases_are_read_or_refused(
    text: str, switch: int, ends: tuple[float, float] | None
) -> None:
    phases = Phases(switch, ends and (min(ends), max(ends)))
    try:
        found = parse_multipliers(text, 20, phases=phases)
    except GenerationError:
        return
    LoRASelection.parse({str(index): value for index, value in enumerate(found)})


@settings(deadline=None)
@given(st.text("0123456789.,;|# \n-+e", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_multipliers(text, 20, handover=0.5)
    except GenerationError:
        return
    assert len(found) == 20
    LoRASelection.parse({str(index): value for index, value in enumerate(found)})
