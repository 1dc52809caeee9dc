"""The LoRA extension's Gradio half.

`LoRAExtension` puts it into another Gradio app. What it is made of: `lora_tab._create_lora_tab`
inside a tab, `routes.create_lora_router` and `routes.lora_assets` on the FastAPI app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wan_lora_studio.lazy_exports import on_first_use

if TYPE_CHECKING:
    from lora_ui.extension import LoRAExtension

__all__ = ["LoRAExtension"]

__getattr__ = on_first_use(__name__, {"LoRAExtension": "extension"})
