"""Drawing: the paper of a sheet with its labels and its empty tiles."""

from __future__ import annotations

from PIL import Image, ImageDraw

from wan_lora_studio.contact_sheet.layout import Box, Label, Layout
from wan_lora_studio.contact_sheet.lettering import Lettering
from wan_lora_studio.contact_sheet.sheet import Sheet

PAPER = "#ffffff"
EMPTY = "#e7e7ea"
INK = "#1c1c21"
FAINT = "#5c5c66"
STATE_LINES = 3


def drawn(sheet: Sheet, layout: Layout) -> Image.Image:
    picture = Image.new("RGB", (layout.width, layout.height), PAPER)
    target = ImageDraw.Draw(picture)
    for label in layout.labels:
        _label(target, label, layout.lettering)
    for tile, box in zip(sheet.tiles, layout.tiles, strict=True):
        right, bottom = box.left + box.width - 1, box.top + box.height - 1
        target.rectangle((box.left, box.top, right, bottom), fill=EMPTY)
        if not tile.video:
            _state(target, tile.state, box, layout.lettering)
    return picture


def _state(target: ImageDraw.ImageDraw, text: str, box: Box, letters: Lettering) -> None:
    lines = tuple(letters.lines(text, box.width, STATE_LINES))
    top = box.top + max(0, box.height - len(lines) * letters.line_height) // 2
    _label(target, Label(box.left, top, lines, box.width, faint=True), letters)


def _label(target: ImageDraw.ImageDraw, label: Label, letters: Lettering) -> None:
    for number, line in enumerate(label.lines):
        free = label.width - letters.width(line) if label.width else 0
        place = label.left + max(0, free) // 2, label.top + number * letters.line_height
        letters.draw(target, place, line, FAINT if label.faint else INK)
