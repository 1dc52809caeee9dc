"""Gallery tab: every finished video, found again, compared and used again."""

from __future__ import annotations

import gradio as gr

from lora_ui.script_panel import script_panel
from wan_lora_studio.settings import Settings
from wan_lora_studio.ui.static import ASSETS_URL


def create_gallery_tab(settings: Settings) -> gr.HTML:
    """Build the tab inside the current Gradio context; its page reads `/api/results`."""
    titles = {name: row.title for name, row in settings.models.items()}
    return script_panel(
        "gallery", "results/gallery.js", base=ASSETS_URL, options={"models": titles}, min_height=420
    )
