"""Preview file: the picture `stem.preview.png` that the app writes beside a LoRA.

Other tools show it too. What the app wrote says so in its own metadata, so it can be told from a
picture that somebody else put there.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, PngImagePlugin

from wan_lora_studio.lora.files import MAX_PREVIEW_BYTES, NOT_A_PICTURE, read_small

SUFFIX = ".preview.png"
MADE_BY = ("Software", "Wan2.2 LoRA Studio")
LONGEST_SIDE = 768  # pixels
SHARP_SIDE = 256  # what is at most half as large is enlarged by a whole factor, and stays sharp


def is_own(path: Path) -> bool:
    """Whether the preview at `path` was written by this app; a link was not."""
    if path.is_symlink():
        return False
    try:
        data = read_small(path, MAX_PREVIEW_BYTES)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            return picture.info.get(MADE_BY[0]) == MADE_BY[1]
    except NOT_A_PICTURE:
        return False


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
