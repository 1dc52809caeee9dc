"""Picture texts: PNG's text chunks, EXIF, a GIF's comment. Nothing is decoded; this runs in the
decoder's process only.

Sources: A1111 `modules/images.py` (`parameters` in PNG, EXIF's UserComment in JPEG, WebP and AVIF,
a GIF's comment); ComfyUI `nodes.py` and `comfy_extras/nodes_images.py` (`prompt` and `workflow` in
PNG, and as `prompt:{...}` in EXIF's Make, Model and the tags before them in WebP).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import BinaryIO

from PIL import Image

from wan_lora_studio.sandbox.pictures import opened

EXIF, USER_COMMENT = 0x8769, 0x9286
MAX_TEXT = 4_000_000
_NAMED = re.compile(r"(\w{1,40}):\s*(\{.*)", re.DOTALL)


def texts_of(file: BinaryIO) -> dict[str, str]:
    """The texts by name, `comment` for those without one. Raises as `opened` does."""
    with opened(file) as picture:
        found = {
            str(name): _text(value)
            for name, value in picture.info.items()
            if isinstance(value, str | bytes) and name not in ("exif", "icc_profile", "xmp")
        }
        return {**_of_exif(picture), **found}


def _of_exif(picture: Image.Image) -> Mapping[str, str]:
    found: dict[str, str] = {}
    exif = picture.getexif()
    for value in exif.values():
        named = _NAMED.fullmatch(value) if isinstance(value, str) else None
        if named:
            found.setdefault(named[1], named[2])
    comment = exif.get_ifd(EXIF).get(USER_COMMENT)
    if isinstance(comment, bytes | str) and comment:
        found["comment"] = _user_comment(comment) if isinstance(comment, bytes) else comment
    return found


def _user_comment(data: bytes) -> str:
    """EXIF 2.3, 4.6.5: eight bytes say how the rest is written. A1111 writes it big-endian."""
    kind, rest = data[:8], data[8 : MAX_TEXT + 8]
    if not kind.startswith(b"UNICODE"):
        return _text(rest if kind.rstrip(b"\0 ") in (b"ASCII", b"JIS", b"") else data)
    little = rest[1::2].count(0) > rest[0::2].count(0)
    return rest.decode("utf-16-le" if little else "utf-16-be", "replace").strip("\ufeff\0")


def _text(value: str | bytes) -> str:
    text = value if isinstance(value, str) else value[:MAX_TEXT].decode("utf-8", "replace")
    return text[:MAX_TEXT].strip("\0")
