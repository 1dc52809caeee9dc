"""Clips: the frames of finished videos, made as small as their tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 64_000_000
MOST_FRAMES = 2000
USUAL_FPS = 16.0
MOST_FPS = 120.0
Planes = NDArray[np.uint8]  # [height * 3 / 2, width]: yuv420p, as PyAV has it


@dataclass(frozen=True)
class Clip:
    """A video that can be decoded: its size in pixels, its frames per second and
    how many it says it has."""

    path: str
    width: int
    height: int
    fps: float
    frames: int


def looked_at(path: str) -> Clip | None:
    """None for what is no video, or is not there."""
    try:
        with av.open(path, format="mp4") as container:
            stream = container.streams.video[0]
            if not 0 < stream.width * stream.height <= MAX_PIXELS:
                return None
            fps = float(stream.average_rate or USUAL_FPS)
            fps = min(max(fps, 1.0), MOST_FPS)
            return Clip(path, stream.width, stream.height, fps, stream.frames)
    except (OSError, ValueError, IndexError):  # FFmpeg's errors are some of each
        return None


def middle_picture(clip: Clip) -> Image.Image | None:
    """The frame at half the length, which is the poster's; None if none can be decoded."""
    found = None
    for number, frame in enumerate(_decoded(clip, keep=lambda frame: frame)):
        found = frame
        if number == clip.frames // 2:
            break
    return None if found is None else found.to_image()


def store_planes(clip: Clip, size: tuple[int, int], place: Path) -> int:
    """Write all frames at this even size, one after the other, as `Planes`; how many they are."""
    width, height = size
    count = 0
    with place.open("wb") as file:
        for planes in _decoded(
            clip,
            keep=lambda frame: frame.reformat(
                width, height, format="yuv420p", interpolation="LANCZOS"
            ).to_ndarray(),
        ):
            file.write(planes.tobytes())
            count += 1
    return count


def stored_planes(place: Path, size: tuple[int, int], count: int) -> NDArray[np.uint8]:
    """[count, height * 3 / 2, width], read from the file as they are used."""
    width, height = size
    return np.memmap(place, np.uint8, "r", shape=(count, height * 3 // 2, width))


def _decoded(clip: Clip, keep: Any) -> Iterator[Any]:
    """What `keep` makes of each frame. A video that breaks off ends there."""
    try:
        with av.open(clip.path, format="mp4") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            for number, frame in enumerate(container.decode(stream)):
                if number >= MOST_FRAMES:
                    return
                yield keep(frame)
    except (OSError, ValueError, IndexError):
        return
