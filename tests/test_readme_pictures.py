"""The README's pictures: there, small, and made from the states of the page by one command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scripts.readme_pictures import PAGES, both_themes
from tests.browser.looks import DESK_LIGHT
from tests.support.paths import ROOT

PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
MOST_BYTES = 200_000
DOCS = ROOT / "docs"
SUFFIXES = {".webp", ".png", ".jpg", ".gif"}


def test_every_picture_is_there_and_small() -> None:
    pictures = PICTURE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {f"docs/images/{state}.webp" for state in PAGES} <= set(pictures)
    assert all((ROOT / picture).stat().st_size < MOST_BYTES for picture in pictures)


def test_git_keeps_no_picture_that_nothing_shows() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *DOCS.rglob("*.md"))]
    shown = {Path(name).name for text in texts for name in PICTURE.findall(text)}
    kept = {path.name for path in DOCS.rglob("*") if path.suffix in SUFFIXES}
    assert kept == shown


@pytest.mark.parametrize("state", PAGES)
def test_one_half_is_light_and_the_other_dark(state: str) -> None:
    with Image.open(ROOT / "docs" / "images" / f"{state}.webp") as kept:
        assert kept.size == (DESK_LIGHT.size["width"], DESK_LIGHT.size["height"])
        shown = kept.convert("RGB")
    assert min(colour(shown, 2)) > 200
    assert max(colour(shown, shown.width - 2)) < 60


def test_the_two_are_parted_by_a_slanted_line() -> None:
    made = both_themes(Image.new("RGB", (100, 50), "white"), Image.new("RGB", (100, 50), "black"))
    top, bottom = (sum(colour(made, x, y)[0] > 0 for x in range(100)) for y in (0, 49))
    assert bottom < 50 < top


def colour(picture: Image.Image, x: int, y: int | None = None) -> tuple[int, ...]:
    """The pixel's; at the bottom unless told otherwise."""
    pixel: Any = picture.getpixel((x, picture.height - 2 if y is None else y))
    return tuple(pixel)
