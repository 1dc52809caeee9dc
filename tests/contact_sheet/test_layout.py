"""Where tiles and labels are."""

from __future__ import annotations

import itertools

import pytest

from wan_lora_studio.contact_sheet.layout import Box, Layout, Limits, fitting_tile, laid_out
from wan_lora_studio.contact_sheet.sheet import Sheet, Tile

LIMITS = Limits(shortest=192, longest=640, side=3840, area=3840 * 2160)


def sheet(columns: int, rows: int = 0, label: str = "label") -> Sheet:
    labels = [tuple(f"{label} {number}" for number in range(count)) for count in (columns, rows)]
    tiles = tuple(Tile(state="Waiting") for _ in range(columns * max(1, rows)))
    return Sheet("a prompt", "Seed", labels[0], "Steps" if rows else "", labels[1], tiles)


def apart(one: Box, other: Box) -> bool:
    beside = one.left + one.width <= other.left or other.left + other.width <= one.left
    below = one.top + one.height <= other.top or other.top + other.height <= one.top
    return beside or below


def assert_sound(layout: Layout, count: int) -> None:
    assert len(layout.tiles) == count
    assert layout.width % 2 == layout.height % 2 == 0
    for box in layout.tiles:
        assert box.left % 2 == box.top % 2 == box.width % 2 == box.height % 2 == 0
        assert box.left + box.width <= layout.width and box.top + box.height <= layout.height
    assert all(apart(one, other) for one, other in itertools.combinations(layout.tiles, 2))
    for label in layout.labels:
        bottom = label.top + len(label.lines) * layout.lettering.line_height
        area = Box(label.left, label.top, max(map(layout.lettering.width, label.lines), default=0),
                   bottom - label.top)  # fmt: skip
        assert all(apart(area, box) for box in layout.tiles if label.lines)
        assert bottom <= layout.height


@pytest.mark.parametrize("label", ["1", "Ein langer Name für eine Spalte " * 5, "日本語" * 30])
@pytest.mark.parametrize(("columns", "rows"), [(1, 0), (3, 2), (11, 0), (1, 7), (20, 25)])
@pytest.mark.parametrize("tile", [(192, 108), (30, 54), (640, 640)])
def test_nothing_overlaps(columns: int, rows: int, label: str, tile: tuple[int, int]) -> None:
    assert_sound(laid_out(sheet(columns, rows, label), tile), columns * max(1, rows))


def test_rows_stand_below_each_other_and_one_long_axis_goes_on_below() -> None:
    grid = laid_out(sheet(3, 2), (192, 108)).tiles
    assert len({box.top for box in grid[:3]}) == len({box.left for box in (grid[0], grid[3])}) == 1
    assert grid[3].top > grid[0].top
    line = laid_out(sheet(10), (192, 108)).tiles
    assert len({box.top for box in line}) == 3


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(160, 96)], (192, 116)),
        ([(1280, 720)], (640, 360)),
        ([(320, 180), (180, 320)], (320, 320)),
        ([], (192, 192)),
    ],
)
def test_tiles_hold_every_video_whole(
    sizes: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    assert fitting_tile(sheet(2), sizes, LIMITS) == expected


@pytest.mark.parametrize(("columns", "rows"), [(20, 25), (500, 0), (100, 5), (5, 100)])
def test_a_large_grid_keeps_within_the_limits(columns: int, rows: int) -> None:
    wanted = sheet(columns, rows, "7")
    found = laid_out(wanted, fitting_tile(wanted, [(832, 480)], LIMITS))
    assert LIMITS.share(found.width, found.height) >= 1
