"""A short series of `tests.crash.jobs_kills`; the long one is run by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.jobs_kills import run


@pytest.mark.slow
def test_killed_workers_and_apps_lose_double_and_break_nothing(tmp_path: Path) -> None:
    outcome = run(kills=3, seed=1, folder=tmp_path, samples=1)
    assert outcome.harm == 0, outcome
    assert outcome.kills.total() == 3
    assert outcome.videos >= outcome.jobs >= 3
    assert outcome.sampled == 1
