"""`LoRAUIState`, where the client's document looks for it."""

from wan_lora_studio.session import LoRAUIState

__all__ = ["LoRAUIState"]
