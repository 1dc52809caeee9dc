"""Waits of browser tests: for what happens, never for a time."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import ROOT

PAUSE = re.compile(r"\bwait_for_timeout\b|\btime\.sleep\b")
# It waits for another process, which says in its log that it is ready.
OWN_WAIT = ROOT / "tests" / "browser" / "running.py"


def test_no_browser_test_pauses() -> None:
    modules = sorted((ROOT / "tests" / "browser").rglob("*.py"))
    pausing = [path.name for path in modules if PAUSE.search(path.read_text(encoding="utf-8"))]
    assert len(modules) > 30
    assert pausing == [OWN_WAIT.name]


@pytest.mark.parametrize("text", ["page.wait_for_timeout(10)", "time.sleep(0.1)"])
def test_a_pause_is_found(text: str) -> None:
    assert PAUSE.search(f"    {text}\n")
