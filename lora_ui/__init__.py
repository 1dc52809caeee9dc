"""The LoRA extension's Gradio half: the tab, the generation controls and their routes."""

from lora_ui.generation_controls import create_generation_controls
from lora_ui.lora_tab import _create_lora_tab
from lora_ui.routes import create_lora_router
from lora_ui.state import LoRAUIState

__all__ = ["LoRAUIState", "_create_lora_tab", "create_generation_controls", "create_lora_router"]
