"""The LoRA tab: upload, library and the selected stack."""

from __future__ import annotations

import gradio as gr

from lora_ui.panels import OWN_APP, Place, extension_panel
from wan_lora_studio.settings import Settings


def _create_lora_tab(settings: Settings, place: Place = OWN_APP) -> gr.HTML:
    """Build the tab's contents inside the current Gradio context.

    Another Gradio app has `LoRAExtension` call this between `with gr.Tab(...)` lines, and serve
    what the tab needs. One that calls it itself also serves `create_lora_router` and
    `lora_assets` on the FastAPI app that it mounts Gradio on.
    """
    return extension_panel("lora-tab", "lora_tab.js", settings, place, min_height=420)
