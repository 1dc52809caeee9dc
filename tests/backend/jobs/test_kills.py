"""A short series of `tests.jobs_kills`; the long one is run by hand."""

from __future__ import annotations

from pathlib import Path

from tests.jobs_kills import run


def test_killed_workers_and_apps_lose_double_and_break_nothing(tmp_path: Path) -> None:
    outcome = run(kills=4, seed=1, folder=tmp_path)
    assert outcome.harm == 0, outcome
    assert outcome.kills.total() == 4
    assert outcome.videos == outcome.jobs >= 3
