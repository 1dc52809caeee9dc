"""Browser tests: they wait for what happens, never for a time, and share only their steps."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import ROOT

WRONG = {
    "a pause": re.compile(r"\bwait_for_timeout\b|\btime\.sleep\b"),
    "a test module as a library": re.compile(
        r"^\s*(?:from|import) tests\.(?:\w+\.)*test_\w+", re.MULTILINE
    ),
}
# It waits for another process, which says in its log that it is ready.
OWN_WAIT = ROOT / "tests" / "browser" / "running.py"


def wrong_in(text: str) -> list[str]:
    return [what for what, pattern in WRONG.items() if pattern.search(text)]


def test_no_browser_test_pauses_or_takes_from_another() -> None:
    modules = sorted((ROOT / "tests" / "browser").rglob("*.py"))
    found = {
        path.name: wrong
        for path in modules
        if path != OWN_WAIT and (wrong := wrong_in(path.read_text(encoding="utf-8")))
    }
    assert len(modules) > 30
    assert found == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("page.wait_for_timeout(10)\n", ["a pause"]),
        ("from tests.browser.queue.test_queue import row\n", ["a test module as a library"]),
        ("from tests.browser.queue.steps import clear\n", []),
    ],
)
def test_each_of_them_is_found(text: str, wrong: list[str]) -> None:
    assert wrong_in(text) == wrong
