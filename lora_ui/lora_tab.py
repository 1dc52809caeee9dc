"""The LoRA tab: upload, library and the selected stack."""

from __future__ import annotations

import gradio as gr

from lora_ui.script_panel import script_panel
from wan_lora_studio.settings import Settings
from wan_lora_studio.units import from_mb


def _create_lora_tab(settings: Settings) -> gr.HTML:
    """Build the tab's contents inside the current Gradio context.

    Another Gradio app can call this between `with gr.Tab(...)` lines, provided that it also
    serves `create_lora_router` and `lora_assets` on the FastAPI app it mounts Gradio on.
    """
    return script_panel("lora-tab", "lora_tab.js", options=page_options(settings), min_height=420)


def page_options(settings: Settings) -> dict[str, object]:
    """What the page's scripts need to know about the settings."""
    return {
        "strength": {
            "min": settings.strength_min,
            "max": settings.strength_max,
            "default": settings.default_strength,
        },
        "maxUploadBytes": from_mb(settings.max_upload_mb),
        "models": {
            name: {
                "title": row.title,
                "experts": list(row.experts),
                "steps": row.steps,
                "flow_shift": row.flow_shift,
                "guidance_scale": row.guidance_scale,
                "guidance_scale_2": row.guidance_scale_2,
            }
            for name, row in settings.models.items()
        },
        "defaultModel": settings.default_model,
    }
