"""The status line above the tabs: worker, model and the run in progress."""

from __future__ import annotations

import gradio as gr

from lora_ui.script_panel import script_panel
from wan_lora_studio.installed_versions import VERSION
from wan_lora_studio.settings import Settings
from wan_lora_studio.ui.static import ASSETS_URL


def create_status_line(settings: Settings) -> gr.HTML:
    """The page's head, seen on every tab."""
    titles = {name: row.title for name, row in settings.models.items()}
    return script_panel(
        "studio-header",
        "status_line.js",
        base=ASSETS_URL,
        options={"models": titles, "version": VERSION},
    )
