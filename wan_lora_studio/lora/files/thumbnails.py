"""Thumbnails: the cards' pictures, WebP files in `<loras_dir>/.thumbnails/`.

Everything is re-encoded by Pillow; bytes of others are never served. A LoRA without any picture
gets a drawn placeholder.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from wan_lora_studio.filesystem import replace
from wan_lora_studio.lora.files.preview_sources import NOT_A_PICTURE, PictureSource

THUMBNAILS_FOLDER = ".thumbnails"
THUMBNAIL_STAGE = ".tmp"


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
    return Thumbnail("placeholder", f"placeholder:{name}:{size}")


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
    """A pattern drawn from the name, on gray, marked as "no preview"."""
    digest = hashlib.sha256(name.encode()).digest()
    picture = Image.new("RGB", (size, size), (58, 60, 66))
    draw = ImageDraw.Draw(picture)
    cell = size // 9
    tone = 88 + digest[0] % 40
    left, top = (size - 5 * cell) // 2, size // 6
    for index in range(15):
        if digest[index + 1] % 2:
            row, column = divmod(index, 3)
            for x in {column, 4 - column}:
                corner = (left + x * cell, top + row * cell)
                draw.rectangle((*corner, corner[0] + cell - 1, corner[1] + cell - 1), (tone,) * 3)
    draw.rectangle((2, 2, size - 3, size - 3), outline=(120, 122, 130), width=max(size // 128, 1))
    font = ImageFont.load_default(max(size // 11, 9))
    draw.text((size // 2, size - size // 9), "no preview", (170, 172, 180), font, anchor="mm")
    return picture


def _save(picture: Image.Image, target: Path, size: int) -> None:
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    stage = _stage(target)
    try:
        picture.save(stage, "WEBP", quality=82, method=2)
        replace(stage, target)
    finally:
        stage.unlink(missing_ok=True)
