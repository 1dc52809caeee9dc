"""The door: who may come in, how fast, and what they may do.

It knows no Gradio component.
"""

from __future__ import annotations

from wan_lora_studio.ui.door.gradio_routes import GradioRoutes
from wan_lora_studio.ui.door.guard import Access, Guard
from wan_lora_studio.ui.door.identity import Identities
from wan_lora_studio.ui.door.sign_in_page import create_sign_in_router
from wan_lora_studio.ui.door.timely_heads import TimelyHeads

__all__ = [
    "Access",
    "GradioRoutes",
    "Guard",
    "Identities",
    "TimelyHeads",
    "create_sign_in_router",
]
