"""Frame decoder, a program: one frame of a video to stdout, `last` as PNG, `middle` as JPEG.

It imports nothing of this project, so that it starts fast and can be run by its path alone.
"""

from __future__ import annotations

import io
import sys
from typing import Any

MAX_PIXELS = 64_000_000


def picture(which: str, path: str) -> bytes:
    """The encoded frame. Raises LookupError if the video has none."""
    import av

    # As an MP4 whatever its content, so that no playlist is followed to other files.
    with av.open(path, format="mp4") as container:
        stream = container.streams.video[0]
        if stream.width * stream.height > MAX_PIXELS:
            raise LookupError("the frames are too large")
        # What the frames really are is checked by the decoder, before it takes memory for one.
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        frame = _frame(container, stream, which)
        if frame is None:
            raise LookupError("the video has no frame")
        data = io.BytesIO()
        if which == "last":
            frame.to_image().save(data, "PNG")
        else:
            frame.to_image().save(data, "JPEG", quality=88)
        return data.getvalue()


def _frame(container: Any, stream: Any, which: str) -> Any:
    """The middle one is the frame at half the duration, or the last one before it."""
    if stream.duration and which == "last":
        container.seek(stream.start_time + stream.duration, stream=stream, backward=True)
    half = (stream.start_time or 0) + stream.duration // 2 if stream.duration else None
    found = None
    for frame in container.decode(stream):
        found = frame
        if which == "middle" and (half is None or (frame.pts or 0) >= half):
            break
    return found


if __name__ == "__main__":
    sys.stdout.buffer.write(picture(sys.argv[1], sys.argv[2]))
