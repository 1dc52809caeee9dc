"""The page on Windows and macOS: every test and file that it names is there."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    there = {
        name for text in sources for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    }
    assert named - there == set()
    assert named


def test_every_path_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:tests|scripts|wan_lora_studio|docs)/[\w/.]*)`", PAGE)
    assert [path for path in named if not (ROOT / path).exists()] == []
