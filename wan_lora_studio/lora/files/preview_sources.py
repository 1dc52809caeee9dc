"""Preview sources: files beside a LoRA, its header, a video.

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

from PIL import Image

from wan_lora_studio.errors import LoRAError, StudioError
from wan_lora_studio.lora.files.companion_names import SHOWING_TEXT
from wan_lora_studio.lora.files.header import read_header
from wan_lora_studio.lora.files.opening import open_regular
from wan_lora_studio.lora.files.sidecars import load_json
from wan_lora_studio.media import START_BYTES, is_media, media_type
from wan_lora_studio.sandbox import RefusedError, decoder
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB
from wan_lora_studio.untrusted_json import Limits, UntrustedJSONError, read_json

SAMPLE_BYTES = 1024 * 1024
MAX_PREVIEW_BYTES = 128 * MB
MAX_HEADER_BYTES = 20 * MB
MAX_VIDEO_BYTES = 200 * MB
COVERS = Limits(size=100 * MB, depth=4, values=1000)
LONGEST_SIDE = 4096  # pixels; what is larger is read smaller
SWARM_PICTURES = ("thumbnail", "preview_image")
NOT_A_PICTURE = (OSError, ValueError, MemoryError, binascii.Error, StudioError)


class NoPictureError(ValueError):
    """What was to be a picture is damaged, too large, or of a kind that is not taken."""


@dataclass(frozen=True)
class PictureSource:
    """`kind` is preview, header, video or made; `content` names the bytes; `decode` raises one
    of NOT_A_PICTURE, or returns None, if there is no picture in them."""

    kind: str
    content: str
    decode: Callable[[], Image.Image | None]


def picture_sources(
    lora: Path | None, previews: Sequence[Path], made: Path | None = None
) -> Iterator[PictureSource]:
    """The sources that are there, the best first.

    Pictures beside the file, those of its header, the first frame of a video beside it, and a
    finished video in which it was used. `previews` are the files beside it, the best first; what
    each is, is told by its content.
    """
    videos = [path for path in previews if is_video(path)]
    for path in previews:
        if path.name.lower().endswith(SHOWING_TEXT):
            yield from _of_text(path)
        elif path not in videos:
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
            if os.fstat(file.fileno()).st_size > MAX_PREVIEW_BYTES:
                return
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except NOT_A_PICTURE:
        return
    yield PictureSource(kind, content, lambda: picture_of(path))


def _of_text(path: Path) -> Iterator[PictureSource]:
    """SwarmUI's description, which has the picture as its header would have it."""
    try:
        values = load_json(path)
    except NOT_A_PICTURE:
        return
    found = (values.get(f"{start}{key}") for start in ("modelspec.", "") for key in SWARM_PICTURES)
    text = next((value for value in found if isinstance(value, str) and value), "")
    yield from _of_texts("preview", header_pictures({"modelspec.thumbnail": text}))


def _of_header(path: Path) -> Iterator[PictureSource]:
    try:
        texts = header_pictures(read_header(path).metadata)
    except StudioError:
        return
    yield from _of_texts("header", texts)


def _of_texts(kind: str, texts: Sequence[str]) -> Iterator[PictureSource]:
    for text in texts:
        yield PictureSource(kind, _named(text.encode(errors="replace")), _decoder(text))


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
        if os.fstat(file.fileno()).st_size > MAX_PREVIEW_BYTES:
            raise ValueError(say("lora.files.picture.too_large"))
        return decode_picture(file)


def decode_picture(file: BinaryIO) -> Image.Image:
    """An RGB picture from untrusted bytes, at most `LONGEST_SIDE` pixels a side.

    It is decoded in a process that can reach nothing else. Raises one of NOT_A_PICTURE.
    """
    try:
        return decoder.picture(file, LONGEST_SIDE)
    except RefusedError as error:
        raise ValueError(_said(error)) from error


def _said(error: RefusedError) -> str:
    sentences = {
        "too_large": say("lora.files.picture.too_large"),
        "too_many_pixels": say("lora.files.picture.too_many_pixels"),
        "damaged": say("lora.files.picture.damaged"),
        "cut_short": say("lora.files.picture.cut_short"),
    }
    other = say("lora.files.picture.not_decoded", reason=error.detail or error.reason)
    return sentences.get(error.reason, other)


def read_picture(file: BinaryIO) -> Image.Image:
    """As `decode_picture`; raises NoPictureError for all that is wrong."""
    try:
        return decode_picture(file)
    except NOT_A_PICTURE as error:
        raise NoPictureError(str(error)) from error


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
        say("lora.files.picture.none", file=path.name),
        suggestions=[
            say(
                "lora.files.picture.choose_another",
                picture_mb=MAX_PREVIEW_BYTES // MB,
                video_mb=MAX_VIDEO_BYTES // MB,
            )
        ],
    )


def is_video(path: Path) -> bool:
    """Whether a file begins as an MP4 or a WebM does."""
    return is_media(path, "video/")


def _first_frame(path: Path) -> Image.Image | None:
    with os.fdopen(open_regular(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_VIDEO_BYTES:
            return None
        found = media_type(file.read(START_BYTES)) or ""
        try:
            return decoder.frame(file, found, "first", LONGEST_SIDE)
        except RefusedError:
            return None
