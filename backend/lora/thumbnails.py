"""Card pictures: WebP files in `<loras_dir>/.thumbnails/`, made on demand from what is there.

In this order: a picture beside the file, the header's own picture, a video's first frame, and
else a drawn placeholder. Everything is re-encoded by Pillow; bytes of others are never served.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from backend.errors import LoRAError, StudioError
from backend.lora.header import open_regular, read_header
from backend.lora.sidecars import VIDEOS

FOLDER = ".thumbnails"
MB = 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_BYTES = 20 * MB
MAX_VIDEO_BYTES = 200 * MB
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
NOT_A_PICTURE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    MemoryError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    StudioError,
)


def make_thumbnail(
    target: Path, name: str, lora: Path | None, previews: Sequence[Path], size: int
) -> str:
    """Write `target` (WebP, longest side `size` pixels) and say what it was made from.

    `previews` are files beside the LoRA, the best first. Returns "preview", "header", "video"
    or "placeholder". The target is replaced in one step.
    """
    pictures = [path for path in previews if path.suffix.lower() not in VIDEOS]
    videos = [path for path in previews if path.suffix.lower() in VIDEOS]
    picture, source = _first(pictures, _open_picture), "preview"
    if picture is None and lora is not None:
        picture, source = _first([lora], _open_header_picture), "header"
    if picture is None:
        picture, source = _first(videos, _open_first_frame), "video"
    if picture is None:
        picture, source = placeholder(name, size), "placeholder"
    _save(picture, target, size)
    return source


def _first(
    paths: Sequence[Path], opener: Callable[[Path], Image.Image | None]
) -> Image.Image | None:
    """The first picture that can be decoded; one that cannot is passed over."""
    for path in paths:
        try:
            picture = opener(path)
        except NOT_A_PICTURE:
            continue
        if picture is not None:
            return picture
    return None


def decode_picture(data: bytes) -> Image.Image:
    """An RGB picture from untrusted bytes. Raises one of NOT_A_PICTURE."""
    if len(data) > MAX_BYTES:
        raise ValueError("the picture is too large")
    picture = Image.open(io.BytesIO(data), formats=FORMATS)
    if picture.width * picture.height > MAX_PIXELS:
        raise ValueError("the picture has too many pixels")
    return ImageOps.exif_transpose(picture).convert("RGB")


def _open_picture(path: Path) -> Image.Image:
    with os.fdopen(open_regular(path), "rb") as file:
        return decode_picture(file.read(MAX_BYTES + 1))


def _open_header_picture(path: Path) -> Image.Image | None:
    for text in header_pictures(read_header(path).metadata):
        try:
            return decode_picture(base64.b64decode(text, validate=False))
        except (*NOT_A_PICTURE, binascii.Error):
            continue
    return None


def header_pictures(metadata: Mapping[str, str]) -> list[str]:
    """Base64 texts of the pictures in a header: `modelspec.thumbnail`, `ssmd_cover_images`."""
    found = []
    uri = metadata.get("modelspec.thumbnail", "")
    if uri.startswith("data:image/") and ";base64," in uri[:60]:
        found.append(uri.split(",", 1)[1])
    try:
        covers = json.loads(metadata.get("ssmd_cover_images", "[]"))
    except (ValueError, RecursionError):
        covers = []
    if isinstance(covers, list):
        found += [cover.split(",", 1)[-1] for cover in covers if isinstance(cover, str)]
    return [text for text in found if text and len(text) <= MAX_BYTES * 4 // 3]


def picture_in(path: Path) -> Image.Image:
    """The picture in a file of any name, or a video's first frame. Raises LoRAError."""
    for opener in (_open_picture, _open_first_frame if is_video(path) else None):
        try:
            picture = opener(path) if opener else None
        except NOT_A_PICTURE:
            continue
        if picture is not None:
            return picture
    raise LoRAError(
        f"{path.name} is no picture (PNG, JPEG, WebP, GIF) and no video (MP4, WebM) that can be"
        " read.",
        suggestions=[
            f"Choose another file, of at most {MAX_BYTES // MB} MB for a picture and"
            f" {MAX_VIDEO_BYTES // MB} MB for a video."
        ],
    )


def is_video(path: Path) -> bool:
    """Whether a file begins as an MP4 or a WebM does."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            start = file.read(12)
    except NOT_A_PICTURE:
        return False
    return start[4:8] == b"ftyp" or start.startswith(b"\x1a\x45\xdf\xa3")


def _open_first_frame(path: Path) -> Image.Image | None:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_VIDEO_BYTES:
        return None
    try:
        import av  # here because it is heavy, and needed for videos only
    except ImportError:
        return None
    try:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0), None)
            if frame is None or frame.width * frame.height > MAX_PIXELS:
                return None
            picture: Image.Image = frame.to_image()
            return picture
    except av.FFmpegError:
        return None


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
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        picture.save(stage, "WEBP", quality=82, method=4)
        stage.replace(target)
    finally:
        stage.unlink(missing_ok=True)
