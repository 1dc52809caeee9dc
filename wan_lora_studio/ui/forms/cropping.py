"""Cropping an input picture to a video's size: a part that fills, or all of it with a rim."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.texts import say

LEAST = 0.001  # of a side
RIM_BLUR = 0.04  # of the longer side
RIM_BRIGHTNESS = 0.6
Box = tuple[float, float, float, float]


def cropped(picture: Image.Image, size: tuple[int, int], box: Any) -> Image.Image:
    """The part in `box` ({x, y, width, height} in fractions) at exactly `size` in pixels.

    Raises GenerationError if the box is none or lies outside of the picture.
    """
    left, top, width, height = _numbers(box)
    w, h = picture.size
    area = (left * w, top * h, min((left + width) * w, w), min((top + height) * h, h))
    return picture.resize(size, Image.Resampling.LANCZOS, box=area)


def padded(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The whole picture inside `size`; the rim is the picture itself, blurred and darker."""
    blur = ImageFilter.GaussianBlur(max(size) * RIM_BLUR)
    ground = ImageOps.fit(picture, size).filter(blur)
    ground = ImageEnhance.Brightness(ground).enhance(RIM_BRIGHTNESS)
    inside = ImageOps.contain(picture, size, Image.Resampling.LANCZOS)
    place = ((size[0] - inside.width) // 2, (size[1] - inside.height) // 2)
    ground.paste(inside, place)
    return ground


def _numbers(box: Any) -> Box:
    names = ("x", "y", "width", "height")
    values = [box.get(name) if isinstance(box, dict) else None for name in names]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise _wrong_box()
    left, top, width, height = (float(value) for value in values if value is not None)
    inside = left >= 0 and top >= 0 and left + width <= 1.001 and top + height <= 1.001
    if not inside or width < LEAST or height < LEAST:
        raise _wrong_box()
    return left, top, width, height


def _wrong_box() -> GenerationError:
    return GenerationError(
        say("ui.forms.box"),
        suggestions=[say("ui.forms.give_box")],
    )
