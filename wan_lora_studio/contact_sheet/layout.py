"""Layout: where the tiles and the labels of a sheet are, in pixels.

Every side is even, as the colours of a video have half its resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wan_lora_studio.contact_sheet.lettering import Lettering
from wan_lora_studio.contact_sheet.sheet import Sheet

EDGE = 12
GAP = 6
ROOM = 6  # between a label and what it is of
COLUMN_LINES = 3
ROW_LINES = 4
WIDEST_ROW_LABEL = 200  # at scale 1
ONE_LINE = 6  # tiles of a single axis that stand in one line
SMALLEST = 16  # the longer side of a tile, even if the sheet is then too large
LARGE = 480  # the longer side of a tile from which on letters are twice as large
Size = tuple[int, int]


@dataclass(frozen=True)
class Limits:
    """In pixels: of the longer side of a tile, and of the whole."""

    shortest: int
    longest: int
    side: int
    area: int

    def share(self, width: int, height: int) -> float:
        """How much of its length a sheet may keep; 1 and more is within the limits."""
        return min(self.side / max(width, height), math.sqrt(self.area / (width * height)))


@dataclass(frozen=True)
class Box:
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Label:
    """Lines of text at a place, centred in `width` if there is one."""

    left: int
    top: int
    lines: tuple[str, ...]
    width: int = 0
    faint: bool = False


@dataclass(frozen=True)
class Layout:
    """`tiles` in the order of the sheet's."""

    width: int
    height: int
    tiles: tuple[Box, ...]
    labels: tuple[Label, ...]
    lettering: Lettering


def laid_out(sheet: Sheet, tile: Size) -> Layout:
    """The sheet with tiles of this size, which is even."""
    return _Arranging(sheet, tile).layout()


class _Arranging:
    def __init__(self, sheet: Sheet, tile: Size) -> None:
        self._sheet, self._tile = sheet, tile
        self._letters = Lettering(2 if max(tile) >= LARGE else 1)
        self._line = self._letters.line_height
        self._lines = list(_lines(sheet))
        self._left = EDGE + self._row_labels_width()
        self._across = max(len(line) for line in self._lines)
        self._width = self._left + self._across * (tile[0] + GAP) - GAP + EDGE
        self._labels: list[Label] = []
        self._tiles: list[Box] = []

    def layout(self) -> Layout:
        top = self._titles()
        for number, line in enumerate(self._lines):
            if number == 0 or not self._sheet.rows:
                top = self._column_labels(line, top)
            self._row_label(number, top)
            for column in range(len(line)):
                left = self._left + column * (self._tile[0] + GAP)
                self._tiles.append(Box(left, top, *self._tile))
            top += self._tile[1] + GAP
        height = _even(top - GAP + EDGE)
        return Layout(
            _even(self._width), height, tuple(self._tiles), tuple(self._labels), self._letters
        )

    def _row_labels_width(self) -> int:
        most = WIDEST_ROW_LABEL * self._letters.scale
        texts = (*self._sheet.rows, self._sheet.y_title) if self._sheet.rows else ()
        widest = max((min(self._letters.width(text), most) for text in texts), default=0)
        return _even(widest + ROOM) if widest else 0

    def _titles(self) -> int:
        """The heading over all, the title of the columns below it; gives where the rest begins."""
        top = EDGE
        if heading := self._letters.lines(self._sheet.heading, self._width - 2 * EDGE, 2):
            self._labels.append(Label(EDGE, top, tuple(heading), faint=True))
            top += len(heading) * self._line + ROOM
        across = self._width - self._left - EDGE
        title = self._letters.lines(self._sheet.x_title, across, 1)
        self._labels.append(Label(self._left, top, tuple(title), across, faint=True))
        if self._sheet.rows:
            own = self._letters.lines(self._sheet.y_title, self._left - EDGE - ROOM, 1)
            self._labels.append(Label(EDGE, top, tuple(own), faint=True))
        return _even(top + self._line + ROOM)

    def _column_labels(self, line: Sequence[str], top: int) -> int:
        found = [self._letters.lines(text, self._tile[0], COLUMN_LINES) for text in line]
        most = max(len(lines) for lines in found)
        for column, lines in enumerate(found):
            left = self._left + column * (self._tile[0] + GAP)
            above = top + (most - len(lines)) * self._line  # they stand on their tiles
            self._labels.append(Label(left, above, tuple(lines), self._tile[0]))
        return _even(top + most * self._line + ROOM)

    def _row_label(self, number: int, top: int) -> None:
        if not self._sheet.rows:
            return
        most = max(1, min(ROW_LINES, self._tile[1] // self._line))
        lines = self._letters.lines(self._sheet.rows[number], self._left - EDGE - ROOM, most)
        middle = top + max(0, self._tile[1] - len(lines) * self._line) // 2
        self._labels.append(Label(EDGE, middle, tuple(lines)))


def _lines(sheet: Sheet) -> Iterator[Sequence[str]]:
    """The labels of the columns, for each line of tiles. A single long axis goes on below."""
    if sheet.rows:
        yield from (sheet.columns for _ in sheet.rows)
        return
    count = len(sheet.columns)
    across = count if count <= ONE_LINE else math.ceil(math.sqrt(count))
    for first in range(0, count, across):
        yield sheet.columns[first : first + across]


def fitting_tile(sheet: Sheet, sizes: Sequence[Size], limits: Limits) -> Size:
    """The size of all tiles, from the sizes of the videos: none is cut, and the sheet keeps
    within the limits."""
    wide, high = _usual(sizes)
    longest = min(max(wide, high, limits.shortest), limits.longest)
    while True:
        scale = longest / max(wide, high)
        tile = max(2, _even(round(wide * scale))), max(2, _even(round(high * scale)))
        found = laid_out(sheet, tile)
        share = limits.share(found.width, found.height)
        if share >= 1 or longest <= SMALLEST:
            return tile
        longest = max(SMALLEST, int(longest * min(share, 0.95)))


def _usual(sizes: Sequence[Size]) -> Size:
    """Wide and high enough for every video at its own size; square where there is none."""
    if not sizes:
        return (1, 1)
    return max(wide for wide, _ in sizes), max(high for _, high in sizes)


def _even(number: int) -> int:
    return number + number % 2
