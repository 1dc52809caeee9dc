"""Contact sheet: the cells of a grid side by side, with their labels, as a picture or a video.

It is drawn in a process of its own, as decoders are much code for files from anywhere. It knows
no queue; what it shows is handed to it as plain values.
"""

from __future__ import annotations

from wan_lora_studio.contact_sheet.making import SheetMaker
from wan_lora_studio.contact_sheet.sheet import Kind, Sheet, Tile

__all__ = [
    "Kind",
    "Sheet",
    "SheetMaker",
    "Tile",
]
