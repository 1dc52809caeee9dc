"""Contact sheets of real videos, drawn by the real program."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.support.studio import decoded
from wan_lora_studio.contact_sheet import Sheet, SheetMaker, Tile
from wan_lora_studio.contact_sheet.layout import Layout, fitting_tile, laid_out
from wan_lora_studio.contact_sheet.program import PICTURE, VIDEO
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.wan.generation.video_file import ResultFiles, write_result

COLOURS = [(200, 30, 30), (30, 160, 30), (30, 30, 200)]
SIZES = [(96, 160), (160, 96), (64, 64)]  # height, width


def video(folder: Path, number: int, frames: int = 8, fps: int = 8) -> str:
    """One colour, which is another one in its second half."""
    height, width = SIZES[number]
    picture = np.zeros((frames, height, width, 3), np.uint8)
    picture[:] = COLOURS[number]
    picture[frames // 2 + 1 :] = 255 - np.array(COLOURS[number])
    files = ResultFiles(*(folder / f"{number}.{ending}" for ending in ("mp4", "json", "jpg")))
    write_result(files, picture, fps, {})
    return str(files.video)


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    """Videos of unequal size, length and speed; one that is broken; two that are not there."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(Path(video(tmp_path, 0)).read_bytes()[:200])
    videos = [video(tmp_path, 0), video(tmp_path, 1, 4), video(tmp_path, 2, 24, 16)]
    tiles = (*map(Tile, videos), Tile(str(broken)), Tile(state="Waiting"), Tile(state="Failed"))
    return Sheet("a prompt", "強度", ("0", "0.5", "1"), "Prompt", ("a cat", "кот"), tiles)


def layout_of(sheet: Sheet, limits: Any) -> Layout:
    sizes = [(width, height) for height, width in SIZES]
    return laid_out(sheet, fitting_tile(sheet, sizes, limits))


def middles(picture: Any, layout: Layout) -> list[tuple[int, ...]]:
    """The colour in the middle of each tile, a little above where words would be."""
    return [
        tuple(int(part) for part in picture[box.top + box.height // 3, box.left + box.width // 2])
        for box in layout.tiles
    ]


def near(one: tuple[int, ...], other: Any) -> bool:
    return bool(np.abs(np.array(one) - np.array(other)).max() <= 12)


def test_a_picture_has_the_middle_of_each_video(sheet: Sheet, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    SheetMaker().make("png", sheet, target)
    with Image.open(target) as opened:
        picture = np.array(opened)
    layout = layout_of(sheet, PICTURE)
    assert picture.shape == (layout.height, layout.width, 3)
    found = middles(picture, layout)
    assert all(near(each, colour) for each, colour in zip(found[:3], COLOURS, strict=True))
    assert all(near(each, (231, 231, 234)) for each in found[3:])


def test_a_video_plays_all_cells_together(sheet: Sheet, tmp_path: Path) -> None:
    target = tmp_path / "sheet.mp4"
    SheetMaker().make("mp4", sheet, target)
    frames, layout = decoded(str(target)), layout_of(sheet, VIDEO)
    with av.open(str(target)) as container:
        assert container.streams.video[0].average_rate == 16
    # The longest is 24 frames at 16 a second; the others make one frame while it makes two.
    assert frames.shape == (24, layout.height, layout.width, 3)
    turned = [255 - np.array(colour) for colour in COLOURS]
    first, later, last = (middles(frames[number], layout) for number in (0, 8, 23))
    assert all(near(each, colour) for each, colour in zip(first[:3], COLOURS, strict=True))
    assert near(later[0], COLOURS[0]) and near(later[1], turned[1]) and near(later[2], COLOURS[2])
    assert all(near(each, colour) for each, colour in zip(last[:3], turned, strict=True))


def test_a_sheet_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    wanted = Sheet("", "Seed", ("1",), "", (), (Tile(state="Waiting"),))
    with pytest.raises(GenerationError, match="contact sheet can’t be made") as caught:
        SheetMaker().make("png", wanted, tmp_path / "no folder" / "sheet.png")
    assert isinstance(caught.value.__cause__, subprocess.CalledProcessError)
    assert list(tmp_path.iterdir()) == []
