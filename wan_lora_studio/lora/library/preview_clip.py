"""Preview clip: the video `stem.preview.mp4` that the app writes beside a LoRA.

It is the video as it was made, with its settings in it, and at its end a box that says who put it
here. Players pass over a `free` box (ISO/IEC 14496-12, 8.1.2).
"""

from __future__ import annotations

import os
from pathlib import Path

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.filesystem import READ_NO_LINK
from wan_lora_studio.lora.files import MAX_VIDEO_BYTES, is_video, read_small
from wan_lora_studio.units import MB

CLIP_SUFFIX = ".preview.mp4"
_MARK = b"Wan2.2 LoRA Studio preview"
_BOX = (8 + len(_MARK)).to_bytes(4, "big") + b"free" + _MARK


def marked_clip(video: Path) -> bytes:
    """The video with the mark. Raises LoRAError if it cannot be read, or is none."""
    try:
        data = read_small(video, MAX_VIDEO_BYTES) if is_video(video) else b""
    except OSError as error:
        raise _not_taken(video) from error
    if not data:
        raise _not_taken(video)
    return data if data.endswith(_BOX) else data + _BOX


def is_own_clip(path: Path) -> bool:
    """Whether the clip at `path` was written by this app; a link was not."""
    try:
        with os.fdopen(os.open(path, READ_NO_LINK), "rb") as file:
            file.seek(-len(_BOX), os.SEEK_END)
            return file.read() == _BOX
    except OSError:
        return False


def _not_taken(video: Path) -> LoRAError:
    return LoRAError(
        f"{video.name} cannot be kept as a preview.",
        cause="It is not there any more, is no MP4, or is too large.",
        suggestions=[f"Choose a video of at most {MAX_VIDEO_BYTES // MB} MB."],
    )
