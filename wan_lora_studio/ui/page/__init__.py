"""Page: the app's Gradio half, composed of tabs and panels.

It knows no route's inside; its scripts talk to them.
"""

from __future__ import annotations

from wan_lora_studio.ui.page.labels import LABELS
from wan_lora_studio.ui.page.page import build_page
from wan_lora_studio.ui.page.preload import preload_links
from wan_lora_studio.ui.page.theme import studio_theme

__all__ = [
    "LABELS",
    "build_page",
    "preload_links",
    "studio_theme",
]
