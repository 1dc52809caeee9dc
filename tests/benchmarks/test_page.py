"""The page's benchmark on a tiny library: what it does and writes; never how long it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import PAGE_PARTS, main
from benchmarks.page_servers import grow_library

pytestmark = pytest.mark.slow  # it visits pages with a browser


def test_both_pages_are_visited(
    tmp_path: Path, chromium: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chromium is not None:
        monkeypatch.setenv("CHROMIUM", chromium)
    path = tmp_path / "found.json"
    assert main(["page", "--quick", "--json", str(path), "--folder", str(tmp_path)]) == 0
    found = json.loads(path.read_text(encoding="utf-8"))["parts"]
    assert list(found) == list(PAGE_PARTS)
    assert len(found["page"]["targets"]) == 8
    for side in ("ours", "gallery"):
        (visit,) = found["page"]["facts"][side]
        assert len(visit["keystrokes"]) == 5
        assert min(visit["first_cards"], visit["selecting"], visit["heap"]) > 0
    assert list(tmp_path.iterdir()) == [path]


def test_the_library_is_hashed_and_has_its_pictures(tmp_path: Path) -> None:
    root = grow_library(tmp_path, 6)
    pictures = json.loads((tmp_path / "pictures.json").read_text(encoding="utf-8"))
    assert len(pictures) == 6
    assert all(Path(path).is_relative_to(root) for path in pictures.values())
