"""Library: the object that people and programs ask, and that makes every change.

It knows nothing of HTTP, Gradio or torch.
"""

from __future__ import annotations

from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.library.pinned import PinningLibrary

__all__ = [
    "LoRALibrary",
    "PinningLibrary",
]
