"""Preview file: the picture `stem.preview.png` that the app writes beside a LoRA.

Other tools show it too. What the app wrote says so in its own metadata, so it can be told from a
picture that somebody else put there.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, PngImagePlugin

from wan_lora_studio.lora.files import MAX_PREVIEW_BYTES, read_small

SUFFIX = ".preview.png"
MADE_BY = ("Software", "Wan2.2 LoRA Studio")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAYS_SO = b"tEXt" + "\0".join(MADE_BY).encode()  # as Pillow writes it, before the picture's data
WITHIN = 4096  # bytes of the beginning
LONGEST_SIDE = 768  # pixels
SHARP_SIDE = 256  # what is at most half as large is enlarged by a whole factor, and stays sharp


def is_own(path: Path) -> bool:
    """Whether the preview at `path` was written by this app; a link was not."""
    if path.is_symlink():
        return False
    try:
        data = read_small(path, MAX_PREVIEW_BYTES)
    except OSError:
        return False
    return data.startswith(SIGNATURE) and SAYS_SO in data[:WITHIN]


def encoded(picture: Image.Image) -> bytes:
    """The picture as such a file, made smaller or larger if need be."""
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    factor = SHARP_SIDE // max(picture.size)
    if factor > 1:
        size = picture.width * factor, picture.height * factor
        picture = picture.resize(size, Image.Resampling.NEAREST)
    said = PngImagePlugin.PngInfo()
    said.add_text(*MADE_BY)
    data = io.BytesIO()
    picture.save(data, "PNG", pnginfo=said)
    return data.getvalue()
