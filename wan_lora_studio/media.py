"""Media: pictures and videos of a user's folders, told by their content and opened safely.

What a browser is sent is the very file that was looked at. A link is read through, as to a real
preview in a shared folder, but never to anything that is no picture and no video.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wan_lora_studio.filesystem import READ, READ_NO_LINK

START_BYTES = 16
# Pictures in a video's container, by its brand.
STILLS = (b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix")
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
)


@dataclass(frozen=True)
class Media:
    """An open file, at its beginning, and its type as HTTP names it; the receiver closes it."""

    file: BinaryIO
    media_type: str


def media_type(start: bytes) -> str | None:
    """The type of what begins with these bytes; None for anything but a picture or a video."""
    if start[4:8] == b"ftyp":
        brand = start[8:12]
        if brand in (b"avif", b"avis"):
            return "image/avif"
        return None if brand in STILLS else "video/mp4"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next((found for begin, found in _BEGINNINGS if start.startswith(begin)), None)


def open_media(path: Path, kind: str, *, follow: bool = True) -> Media | None:
    """The file at `path` if it is a regular one of this kind; never waits for a FIFO.

    `kind` is a type or the beginning of some: "video/", "image/", "image/jpeg". With `follow`
    False a link is refused. None for anything else, and for a file that is not there.
    """
    flags = READ if follow else READ_NO_LINK
    try:
        # Opening some devices does something, so they are told before; and again once it is open.
        found = path.stat() if follow else path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return None
        file = os.fdopen(os.open(path, flags), "rb")
    except (OSError, ValueError):
        return None
    try:
        regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        found_type = media_type(file.read(START_BYTES)) if regular else None
        if found_type is not None and found_type.startswith(kind):
            file.seek(0)
            return Media(file, found_type)
    except OSError:
        pass
    file.close()
    return None


def is_media(path: Path, kind: str, *, follow: bool = True) -> bool:
    """Whether `open_media` would open it."""
    found = open_media(path, kind, follow=follow)
    if found is not None:
        found.file.close()
    return found is not None
