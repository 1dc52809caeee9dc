"""Models tab: which models are here, what the others take, and getting them."""

from __future__ import annotations

import gradio as gr

from lora_ui.script_panel import script_panel
from wan_lora_studio.ui.static import ASSETS_URL


def create_models_tab() -> gr.HTML:
    """Build the tab inside the current Gradio context; its page reads `/api/models`."""
    return script_panel("models", "models/models_panel.js", base=ASSETS_URL, min_height=420)
