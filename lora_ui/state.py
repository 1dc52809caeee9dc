"""`LoRAUIState`, where the client's document looks for it."""

from wan_lora_studio.session.state import LoRAUIState

__all__ = ["LoRAUIState"]
