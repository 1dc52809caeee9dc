"""Program that draws a contact sheet: `program KIND FILE`, the sheet as JSON on stdin."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wan_lora_studio.contact_sheet.clips import (
    Clip,
    Planes,
    looked_at,
    middle_picture,
    store_planes,
    stored_planes,
)
from wan_lora_studio.contact_sheet.drawing import drawn
from wan_lora_studio.contact_sheet.layout import Box, Layout, Limits, fitting_tile, laid_out
from wan_lora_studio.contact_sheet.sheet import Sheet, Tile
from wan_lora_studio.texts import say

PICTURE = Limits(shortest=192, longest=640, side=12_000, area=48_000_000)
VIDEO = Limits(shortest=192, longest=640, side=3840, area=3840 * 2160)
ENCODING = {"crf": "18", "preset": "medium"}
UNREADABLE = say("contact_sheet.unreadable")


@dataclass(frozen=True)
class Fitted:
    """A clip and where in the sheet it is, at a size of its own shape."""

    clip: Clip
    box: Box


def write_sheet(kind: str, sheet: Sheet, target: Path) -> None:
    clips = [looked_at(tile.video) if tile.video else None for tile in sheet.tiles]
    sheet = _without_unread(sheet, clips)
    sizes = [(clip.width, clip.height) for clip in clips if clip is not None]
    tile = fitting_tile(sheet, sizes, PICTURE if kind == "png" else VIDEO)
    layout = laid_out(sheet, tile)
    paper = drawn(sheet, layout)
    fitted = [
        Fitted(clip, _inside(box, clip))
        for clip, box in zip(clips, layout.tiles, strict=True)
        if clip is not None
    ]
    if kind == "png":
        _write_picture(paper, fitted, target)
    else:
        _write_video(paper, layout, fitted, target)


def _without_unread(sheet: Sheet, clips: list[Clip | None]) -> Sheet:
    tiles = tuple(
        Tile("", UNREADABLE) if tile.video and clip is None else tile
        for tile, clip in zip(sheet.tiles, clips, strict=True)
    )
    return Sheet(sheet.heading, sheet.x_title, sheet.columns, sheet.y_title, sheet.rows, tiles)


def _inside(box: Box, clip: Clip) -> Box:
    """The largest even place of the clip's shape in the middle of its tile."""
    scale = min(box.width / clip.width, box.height / clip.height)
    width = min(box.width, max(2, 2 * round(clip.width * scale / 2)))
    height = min(box.height, max(2, 2 * round(clip.height * scale / 2)))
    left = box.left + (box.width - width) // 4 * 2
    return Box(left, box.top + (box.height - height) // 4 * 2, width, height)


def _write_picture(paper: Image.Image, fitted: list[Fitted], target: Path) -> None:
    for each in fitted:
        picture = middle_picture(each.clip)
        if picture is not None:
            size = (each.box.width, each.box.height)
            small = picture.resize(size, Image.Resampling.LANCZOS)
            paper.paste(small, (each.box.left, each.box.top))
    paper.save(target, "PNG")


def _write_video(paper: Image.Image, layout: Layout, fitted: list[Fitted], target: Path) -> None:
    """All clips from their beginning at their own speed; one that is over keeps its last frame."""
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        playing = []
        for number, each in enumerate(fitted):
            place, size = Path(name) / str(number), (each.box.width, each.box.height)
            if count := store_planes(each.clip, size, place):
                playing.append((each, stored_planes(place, size, count)))
        fps = max((each.clip.fps for each, _ in playing), default=8.0)
        seconds = max((len(frames) / each.clip.fps for each, frames in playing), default=1.0)
        blank = av.VideoFrame.from_image(paper).reformat(format="yuv420p").to_ndarray()
        with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as out:
            stream = out.add_stream("libx264", rate=_rate(fps), options=ENCODING)
            stream.width, stream.height, stream.pix_fmt = layout.width, layout.height, "yuv420p"
            for number in range(max(1, math.ceil(seconds * fps - 1e-6))):
                picture = blank.copy()
                for each, frames in playing:
                    shown = min(int(number / fps * each.clip.fps + 1e-6), len(frames) - 1)
                    _put(picture, frames[shown], each.box)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
            out.mux(stream.encode())


def _rate(fps: float) -> int:
    return max(1, round(fps))


def _put(picture: Planes, frame: Planes, box: Box) -> None:
    """Copy the three planes of a small frame to their places in the picture."""
    for whole, part, half in zip(_planes(picture), _planes(frame), (1, 2, 2), strict=True):
        top, left = box.top // half, box.left // half
        whole[top : top + box.height // half, left : left + box.width // half] = part


def _planes(frame: Planes) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Views of the brightness and of both colours."""
    width = frame.shape[1]
    height = frame.shape[0] * 2 // 3
    colours = frame[height:].reshape(2, height // 2, width // 2)
    return frame[:height], colours[0], colours[1]


if __name__ == "__main__":
    write_sheet(sys.argv[1], Sheet.from_dict(json.load(sys.stdin)), Path(sys.argv[2]))
