"""What a fast run leaves out: slow tests, and most cases of the model's tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pytest

MATRIX = "tests/wan/"
CASES = 3  # that are kept of each test there, the first and others evenly spread


def thinned(items: Iterable[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The items that are kept, in their order, and the others."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    whole = list(items)
    for item in whole:
        if item.get_closest_marker("slow") is None:
            cases[item.nodeid.partition("[")[0]].append(item)
    kept = {
        item.nodeid
        for test, all_of_it in cases.items()
        for item in (spread(all_of_it) if test.startswith(MATRIX) else all_of_it)
    }
    return (
        [item for item in whole if item.nodeid in kept],
        [item for item in whole if item.nodeid not in kept],
    )


def spread(cases: list[pytest.Item]) -> list[pytest.Item]:
    step = -(-len(cases) // CASES)
    return cases[::step]
