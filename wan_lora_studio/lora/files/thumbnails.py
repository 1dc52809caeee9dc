"""Thumbnails: the cards' pictures, WebP files in `<loras_dir>/.thumbnails/`.

Everything is re-encoded by Pillow; bytes of others are never served. A LoRA without any picture
gets a light tile with its initials.
"""

from __future__ import annotations

import colorsys
import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from wan_lora_studio.filesystem import replace
from wan_lora_studio.lora.files.preview_sources import NOT_A_PICTURE, PictureSource

THUMBNAILS_FOLDER = ".thumbnails"
THUMBNAIL_STAGE = ".tmp"
PLACEHOLDER = "initials"  # how placeholders look; another word has them drawn anew
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


@dataclass(frozen=True)
class Thumbnail:
    """What a thumbnail was made from: the source's `kind`, or placeholder; and its content."""

    kind: str
    content: str


def make_thumbnail(
    target: Path,
    name: str,
    sources: Iterable[PictureSource],
    size: int,
    made_before: Callable[[str], Path | None] = lambda content: None,
) -> Thumbnail:
    """Write `target` (WebP, longest side `size` pixels) from the first source with a picture.

    `made_before` finds the thumbnail of the same content, which is linked rather than made
    again. The target is replaced in one step. Raises OSError if it cannot be written.
    """
    for source in sources:
        content = f"{source.content}:{size}"
        known = made_before(content)
        if known is not None and _link(known, target):
            return Thumbnail(source.kind, content)
        picture = _decoded(source)
        if picture is not None:
            _save(picture, target, size)
            return Thumbnail(source.kind, content)
    _save(placeholder(name, size), target, size)
    return Thumbnail("placeholder", f"{PLACEHOLDER}:{name}:{size}")


def _decoded(source: PictureSource) -> Image.Image | None:
    try:
        return source.decode()
    except NOT_A_PICTURE:
        return None


def _link(known: Path, target: Path) -> bool:
    """Give a thumbnail another name; False where that cannot be done."""
    if known == target:
        return True
    stage = _stage(target)
    try:
        os.link(known, stage)
        replace(stage, target)
    except OSError:
        return False
    finally:
        stage.unlink(missing_ok=True)  # replacing one link of a file by another does nothing
    return True


def _stage(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f".{uuid.uuid4().hex}{THUMBNAIL_STAGE}")


def placeholder(name: str, size: int) -> Image.Image:
    """A light tile with the initials of a name, in a tone of its own."""
    tone = hashlib.sha256(name.encode(errors="replace")).digest()[0] / 256
    picture = Image.new("RGB", (size, size), _colour(tone, 0.10, 0.94))
    font = ImageFont.load_default(max(size // 3, 9))
    middle = (size // 2, size // 2)
    ImageDraw.Draw(picture).text(middle, initials(name), _colour(tone, 0.45, 0.50), font, "mm")
    return picture


def initials(name: str) -> str:
    """The first letters of the first two words, or two of the only one; "" where none is Latin."""
    words: list[str] = _WORD.findall(name)
    if len(words) == 1:
        return words[0][:2].capitalize()
    return "".join(word[0] for word in words[:2]).upper()


def _colour(tone: float, saturation: float, brightness: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(tone, saturation, brightness)
    return round(red * 255), round(green * 255), round(blue * 255)


def _save(picture: Image.Image, target: Path, size: int) -> None:
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    stage = _stage(target)
    try:
        picture.save(stage, "WEBP", quality=82, method=2)
        replace(stage, target)
    finally:
        stage.unlink(missing_ok=True)
