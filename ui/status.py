"""The status line above the tabs: worker, model and the run in progress."""

from __future__ import annotations

import gradio as gr

from lora_ui.mounting import script_panel
from ui.generate_tab import ASSETS_URL
from utils import Settings


def create_status_line(settings: Settings) -> gr.HTML:
    """The page's head, seen on every tab."""
    titles = {name: row.title for name, row in settings.models.items()}
    return script_panel(
        "studio-header", "status_line.js", base=ASSETS_URL, options={"models": titles}
    )
