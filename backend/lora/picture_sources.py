"""Where a LoRA's picture comes from: files beside it, its header, a video.

All of it is untrusted. A source is named by its content, so that what was made of it once serves
every LoRA that has the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

from backend.errors import LoRAError, StudioError
from backend.lora.header import open_regular, read_header
from backend.lora.png_strips import png_size, reduced
from backend.units import MB
from backend.untrusted_json import Limits, UntrustedJSONError, read_json

SAMPLE_BYTES = 1024 * 1024
MAX_PIXELS = 40_000_000  # of what is decoded as a whole
MAX_BYTES = 128 * MB
MAX_HEADER_BYTES = 20 * MB
MAX_VIDEO_BYTES = 200 * MB
COVERS = Limits(size=100 * MB, depth=4, values=1000)
LONGEST_SIDE = 2048  # pixels; what is larger is read smaller
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
STILLS = (b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix")  # pictures in a video's container
NOT_A_PICTURE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    MemoryError,
    binascii.Error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    StudioError,
)


@dataclass(frozen=True)
class PictureSource:
    """`kind` is preview, header, video or made; `content` names the bytes; `decode` raises one
    of NOT_A_PICTURE, or returns None, if there is no picture in them."""

    kind: str
    content: str
    decode: Callable[[], Image.Image | None]


def sources(
    lora: Path | None, previews: Sequence[Path], made: Path | None = None
) -> Iterator[PictureSource]:
    """The sources that are there, the best first.

    Pictures beside the file, those of its header, the first frame of a video beside it, and a
    finished video in which it was used. `previews` are the files beside it, the best first; what
    each is, is told by its content.
    """
    videos = [path for path in previews if is_video(path)]
    for path in previews:
        if path not in videos:
            yield from _of_picture("preview", path)
    if lora is not None:
        yield from _of_header(lora)
    for path in videos:
        yield from _of_video("video", path)
    if made is not None:
        yield from _of_picture("made", made.with_suffix(".jpg"))
        yield from _of_video("made", made)


def _of_picture(kind: str, path: Path) -> Iterator[PictureSource]:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                return
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except NOT_A_PICTURE:
        return
    yield PictureSource(kind, content, lambda: picture_of(path))


def _of_header(path: Path) -> Iterator[PictureSource]:
    try:
        texts = header_pictures(read_header(path).metadata)
    except StudioError:
        return
    for text in texts:
        yield PictureSource("header", _named(text.encode(errors="replace")), _decoder(text))


def _decoder(text: str) -> Callable[[], Image.Image]:
    return lambda: decode_picture(io.BytesIO(base64.b64decode(text, validate=False)))


def _of_video(kind: str, path: Path) -> Iterator[PictureSource]:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha256(f"{size} ".encode() + file.read(SAMPLE_BYTES))
            file.seek(max(0, size - SAMPLE_BYTES))
            digest.update(file.read(SAMPLE_BYTES))
    except NOT_A_PICTURE:
        return
    yield PictureSource(kind, digest.hexdigest(), lambda: _first_frame(path))


def _named(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def header_pictures(metadata: Mapping[str, str]) -> list[str]:
    """Base64 texts of the pictures in a header: `modelspec.thumbnail`, `ssmd_cover_images`."""
    found = []
    uri = metadata.get("modelspec.thumbnail", "")
    if uri.startswith("data:image/") and ";base64," in uri[:60]:
        found.append(uri.split(",", 1)[1])
    try:
        covers = read_json(metadata.get("ssmd_cover_images", "[]"), COVERS)
    except UntrustedJSONError:
        covers = []
    if isinstance(covers, list):
        found += [cover.split(",", 1)[-1] for cover in covers if isinstance(cover, str)]
    return [text for text in found if text and len(text) <= MAX_HEADER_BYTES * 4 // 3]


def picture_of(path: Path) -> Image.Image:
    """An RGB picture from an untrusted file. Raises one of NOT_A_PICTURE."""
    with os.fdopen(open_regular(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise ValueError("the picture is too large")
        return decode_picture(file)


def decode_picture(file: BinaryIO) -> Image.Image:
    """An RGB picture from untrusted bytes, at most about `LONGEST_SIDE` pixels a side where it
    is too large to be decoded as a whole. Raises one of NOT_A_PICTURE."""
    size = png_size(file)
    if size is not None and size.width * size.height > MAX_PIXELS:
        return reduced(file, size, LONGEST_SIDE)
    picture = Image.open(file, formats=FORMATS)
    if picture.width * picture.height > MAX_PIXELS and not picture.info.get("progressive"):
        picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is decoded at a fraction
    if picture.width * picture.height > MAX_PIXELS:
        raise ValueError("the picture has too many pixels")
    return ImageOps.exif_transpose(picture).convert("RGB")


def picture_in(path: Path) -> Image.Image:
    """The picture in a file of any name, or a video's first frame. Raises LoRAError."""
    kinds = _of_video("video", path) if is_video(path) else _of_picture("preview", path)
    for source in kinds:
        try:
            picture = source.decode()
        except NOT_A_PICTURE:
            continue
        if picture is not None:
            return picture
    raise LoRAError(
        f"{path.name} is no picture (PNG, JPEG, WebP, GIF, AVIF) and no video (MP4, WebM) that can"
        " be read.",
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
    boxes = start[4:8] == b"ftyp" and start[8:12] not in STILLS
    return boxes or start.startswith(b"\x1a\x45\xdf\xa3")


def _first_frame(path: Path) -> Image.Image | None:
    try:
        import av  # here because it is heavy, and needed for videos only
    except ImportError:
        return None
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_VIDEO_BYTES:
                return None
            with av.open(file) as container:
                frame = next(container.decode(video=0), None)
                if frame is None or frame.width * frame.height > MAX_PIXELS:
                    return None
                picture: Image.Image = frame.to_image()
                return picture
    except av.FFmpegError:
        return None
