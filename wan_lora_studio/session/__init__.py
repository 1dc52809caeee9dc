"""Session: what the user of one browser page has in hand.

The stack, its warnings, one state for each session. It knows neither Gradio nor HTTP.
"""

from __future__ import annotations

from wan_lora_studio.session.sessions import Sessions
from wan_lora_studio.session.stack import RunSettings, StackChange
from wan_lora_studio.session.state import LoRAUIState

__all__ = [
    "LoRAUIState",
    "RunSettings",
    "Sessions",
    "StackChange",
]
