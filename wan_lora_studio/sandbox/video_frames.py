"""Frames of a stranger's video, decoded. This runs in the decoder's process only."""

from __future__ import annotations

from typing import Any, BinaryIO

import av
from PIL import Image

from wan_lora_studio.sandbox.refusals import NO_FRAME, TOO_MANY_PIXELS, RefusedError

MAX_PIXELS = 64_000_000
FORMS = {"video/mp4": "mp4", "video/webm": "matroska"}  # as FFmpeg calls them


def frame_of(file: BinaryIO, media_type: str, which: str) -> Image.Image:
    """Its first, middle or last frame in RGB. Raises RefusedError, or whatever FFmpeg raises."""
    # By its form's name, so that no playlist is followed to other files.
    with av.open(file, format=FORMS[media_type]) as container:
        if not container.streams.video:
            raise RefusedError(NO_FRAME)
        stream = container.streams.video[0]
        if stream.width * stream.height > MAX_PIXELS:
            raise RefusedError(TOO_MANY_PIXELS)
        # What the frames really are is checked by the decoder, before it takes memory for one.
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        found = _frame(container, stream, which)
        if found is None:
            raise RefusedError(NO_FRAME)
        picture: Image.Image = found.to_image()
        return picture


def _frame(container: Any, stream: Any, which: str) -> Any:
    """The middle one is the frame at half the duration, or the last one before it."""
    if stream.duration and which == "last":
        container.seek(stream.start_time + stream.duration, stream=stream, backward=True)
    half = (stream.start_time or 0) + stream.duration // 2 if stream.duration else None
    found = None
    for frame in container.decode(stream):
        found = frame
        if which == "first":
            break
        if which == "middle" and (half is None or (frame.pts or 0) >= half):
            break
    return found
