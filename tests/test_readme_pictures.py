"""The README's pictures: there, small, and made from the states of the page by one command."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from scripts.readme_pictures import PAGES, both_themes
from tests.support.paths import ROOT

PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
MOST_BYTES = 200_000


def test_every_picture_is_there_and_small() -> None:
    pictures = PICTURE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {f"docs/images/{state}.webp" for state in PAGES} <= set(pictures)
    assert all((ROOT / picture).stat().st_size < MOST_BYTES for picture in pictures)


@pytest.mark.parametrize("state", PAGES)
def test_one_half_is_light_and_the_other_dark(state: str) -> None:
    made = both_themes(state)
    left, right = (made.getpixel((x, made.height - 2)) for x in (2, made.width - 2))
    assert min(left) > 200
    assert max(right) < 60
    with Image.open(ROOT / "docs" / "images" / f"{state}.webp") as kept:
        assert kept.size == made.size
