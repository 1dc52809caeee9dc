"""Library: the object that people and programs ask, and that makes every change.

It knows nothing of HTTP, Gradio or torch.
"""

from __future__ import annotations

from wan_lora_studio.lora.library.library import LibraryParts, LoRALibrary

__all__ = [
    "LibraryParts",
    "LoRALibrary",
]
