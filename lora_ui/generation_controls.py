"""The LoRA controls of a generation tab: picker, recent dropdown, strengths, memory line."""

from __future__ import annotations

import gradio as gr

from lora_ui.lora_tab import page_options
from lora_ui.script_panel import script_panel
from wan_lora_studio.settings import Settings


def create_generation_controls(settings: Settings) -> gr.HTML:
    """Build the controls inside the current Gradio context; they share the tab's selection.

    The component's `fill` event asks the host to call `form.fill` of `form.js` with its fields'
    values, and to show what that returns: trigger words, and an accelerator's settings.
    """
    return script_panel(
        "lora-controls",
        "generation_controls.js",
        options=page_options(settings),
        events=("fill",),
        min_height=96,
    )
