"""Targets and tables as they are printed and written."""

from __future__ import annotations

import json

import pytest

from benchmarks.harness import Timing
from benchmarks.report import PartResult, Table, Target, duration, with_spread


@pytest.mark.parametrize(
    ("target", "met", "text"),
    [
        (Target("speed", 25.0, "at least", 20.0, "x"), True, "met by 5 x"),
        (Target("speed", 15.0, "at least", 20.0, "x"), False, "MISSED by 5 x"),
        (Target("time", 5.0, "at most", 5.0, "ms"), True, "met"),
        (Target("share", 0.75, "at most", 0.5), False, "MISSED by 0.25"),
    ],
)
def test_a_target_says_whether_it_is_met_and_by_how_much(
    target: Target, met: bool, text: str
) -> None:
    assert target.met is met
    assert target.to_text().endswith(text)


def test_a_table_is_aligned_markdown() -> None:
    table = Table("Title", ("name", "n"), (("a", 1), ("long", None)), notes=("a note",))
    assert table.to_text().splitlines() == [
        "### Title",
        "",
        "| name | n |",
        "|------|---|",
        "| a    | 1 |",
        "| long | - |",
        "",
        "- a note",
    ]


def test_a_part_keeps_every_single_measurement() -> None:
    timing = Timing("a", (0.1, 0.3, 0.2))
    part = PartResult("part", (), (Target("t", 1.0, "at least", 2.0),), {"a": timing})
    plain = json.loads(json.dumps(part.to_plain()))
    assert plain["timings"]["a"]["seconds"] == [0.1, 0.3, 0.2]
    assert plain["targets"][0] == {
        "name": "t", "found": 1.0, "sense": "at least", "limit": 2.0, "unit": "", "met": False,
    }  # fmt: skip


def test_durations_are_readable() -> None:
    assert duration(0.01234) == "12.3 ms"
    assert duration(4.567) == "4.57 s"
    assert with_spread(Timing("a", (1.0, 2.0, 3.0))) == "2 s (1 s to 3 s)"
