"""Pictures of strangers, decoded. This runs in the decoder's process only.

Sizes are looked at before anything is decoded.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL import Image, ImageOps

from wan_lora_studio.sandbox.png_strips import png_size, reduced
from wan_lora_studio.sandbox.refusals import TOO_LARGE, TOO_MANY_PIXELS, RefusedError
from wan_lora_studio.units import MB

MAX_PIXELS = 40_000_000  # of what is decoded as a whole
MAX_WEBP_PIXELS = 16_000_000  # Pillow keeps three copies of one
MAX_PICTURE_BYTES = 128 * MB
LARGE_SIDE = 2048  # pixels; a picture that is too large to be decoded as a whole is read smaller
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")


def decoded(file: BinaryIO) -> Image.Image:
    """The picture in RGB, at most about `LARGE_SIDE` pixels a side where it is too large to be
    decoded as a whole. Raises RefusedError, or whatever Pillow raises."""
    size = png_size(file)
    if size is not None and size.width * size.height > MAX_PIXELS:
        return reduced(file, size, LARGE_SIDE)
    picture = opened(file)
    if picture.width * picture.height > MAX_PIXELS and not picture.info.get("progressive"):
        picture.draft("RGB", (LARGE_SIDE, LARGE_SIDE))  # a JPEG is decoded at a fraction
    if picture.width * picture.height > MAX_PIXELS:
        raise RefusedError(TOO_MANY_PIXELS)
    return ImageOps.exif_transpose(picture).convert("RGB")


def opened(file: BinaryIO) -> Image.Image:
    """A picture that is not decoded yet, of the formats that are taken. Raises as `decoded`."""
    if file.seek(0, os.SEEK_END) > MAX_PICTURE_BYTES:
        raise RefusedError(TOO_LARGE)
    if webp_pixels(file) > MAX_WEBP_PIXELS:
        raise RefusedError(TOO_MANY_PIXELS)
    return Image.open(file, formats=FORMATS)


def webp_pixels(file: BinaryIO) -> int:
    """Pixels of a WebP, which Pillow takes the memory for when it opens one; 0 for other files.

    Format: RFC 9649. The file is left at its start.
    """
    file.seek(0)
    start = file.read(30)
    file.seek(0)
    if start[:4] != b"RIFF" or start[8:12] != b"WEBP" or len(start) < 30:
        return 0
    kind = start[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(start[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(start[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width * height
