"""The harness takes turns; its numbers are checked where time does not matter."""

from __future__ import annotations

import pytest

from benchmarks.harness import Contestant, Timing, interleave


def test_contestants_take_turns_and_warmups_are_not_counted() -> None:
    calls: list[str] = []

    def contestant(name: str) -> Contestant:
        steps = [lambda step=step: calls.append(f"{name}.{step}") for step in ("do", "pre", "post")]
        return Contestant(name, *steps)

    timings = interleave([contestant("a"), contestant("b")], rounds=3, warmups=1)
    assert calls == ["a.pre", "a.do", "a.post", "b.pre", "b.do", "b.post"] * 4
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"a": 3, "b": 3}


def test_the_device_is_waited_for_before_and_after_each_run() -> None:
    calls: list[str] = []
    contestant = Contestant("a", lambda: calls.append("run"), lambda: calls.append("prepare"))
    interleave([contestant], 1, warmups=0, synchronise=lambda: calls.append("wait"))
    assert calls == ["prepare", "wait", "run", "wait"]


def test_an_error_of_a_contestant_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        interleave([Contestant("a", lambda: 1 / 0)], 1)


def test_a_ratio_is_taken_round_by_round() -> None:
    """The machine became ten times slower in the last two rounds; the ratio stays."""
    ours = Timing("ours", (1.0, 1.0, 10.0, 10.0))
    theirs = Timing("theirs", (3.0, 3.0, 30.0, 30.0))
    assert ours.ratio_to(theirs) == 3.0
    assert ours.median == 5.5
    assert ours.fastest == 1.0
    assert ours.spread == (1.0, 10.0)


def test_the_spread_of_few_values_is_their_range() -> None:
    assert Timing("a", (3.0, 1.0, 2.0)).spread == (1.0, 3.0)
