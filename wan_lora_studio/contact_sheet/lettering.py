"""Lettering: labels in any script, broken into lines and cut to the room that they have.

DejaVu Sans has Latin, Greek, Cyrillic, Arabic and Hebrew letters. For all others there is GNU
Unifont, which has a glyph for every sign of Unicode's first plane. Both are files of this package,
so that a sheet looks the same on a machine without fonts.
"""

from __future__ import annotations

import io
import lzma
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont
FONTS = Path(__file__).parent / "fonts"
USUAL = FONTS / "DejaVuSans-2.37.ttf.xz"
USUAL_SIZE = 14
UNIFONT = FONTS / "unifont-15.0.01.otf.xz"
UNIFONT_SIZE = 16  # its glyphs are drawn for this size and its multiples
ELLIPSIS = "…"
UNKNOWN = "\uffff"  # no font has a glyph for it


@dataclass(frozen=True)
class Lettering:
    """Fonts of one size; `scale` 2 is twice as large as 1."""

    scale: int = 1

    @property
    def line_height(self) -> int:
        return 20 * self.scale

    @cached_property
    def _usual(self) -> Font:
        return ImageFont.truetype(io.BytesIO(_unpacked(USUAL)), USUAL_SIZE * self.scale)

    @cached_property
    def _any(self) -> Font:
        return ImageFont.truetype(io.BytesIO(_unpacked(UNIFONT)), UNIFONT_SIZE * self.scale)

    @cached_property
    def _no_glyph(self) -> bytes:
        return bytes(self._usual.getmask(UNKNOWN))

    def font_for(self, text: str) -> Font:
        known = all(sign.isspace() or self._has_glyph(sign) for sign in set(text))
        return self._usual if known else self._any

    def _has_glyph(self, sign: str) -> bool:
        return bytes(self._usual.getmask(sign)) != self._no_glyph

    def width(self, text: str) -> int:
        return round(self.font_for(text).getlength(text))

    def lines(self, text: str, width: int, most: int) -> list[str]:
        """At most so many lines of this width in pixels; what does not fit ends with "…"."""
        font = self.font_for(text)
        found: list[str] = []
        rest = " ".join(text.split())
        while rest and len(found) < most:
            count = _fitting(font, rest, width)
            if count < len(rest) and len(found) == most - 1:
                found.append(_cut(font, rest, width))
                break
            if count < len(rest) and " " in rest[1:count]:
                count = rest.rindex(" ", 1, count)
            found.append(rest[:count].rstrip())
            rest = rest[count:].lstrip()
        return found

    def draw(
        self, target: ImageDraw.ImageDraw, place: tuple[int, int], text: str, ink: str
    ) -> None:
        target.text(place, text, font=self.font_for(text), fill=ink)


@cache
def _unpacked(font: Path) -> bytes:
    return lzma.decompress(font.read_bytes())


def _fitting(font: Font, text: str, width: int) -> int:
    """How many signs of the text go into this width; one at least."""
    low, high = 1, min(len(text), 1000)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(font: Font, text: str, width: int) -> str:
    count = _fitting(font, text, width)
    while count > 1 and font.getlength(text[:count] + ELLIPSIS) > width:
        count -= 1
    return text[:count].rstrip() + ELLIPSIS
