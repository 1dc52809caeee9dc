"""Selection: which LoRAs are applied, how strongly and when, as plain values.

Strengths, schedules, other programs' notations, sets. It knows no library and no model.
"""

from __future__ import annotations

from wan_lora_studio.lora.selection.accelerators import Accelerator, accelerator_of, tags_with
from wan_lora_studio.lora.selection.prompt_notation import (
    PromptLoRA,
    read_prompt,
    unsupported_in,
    without_notation,
)
from wan_lora_studio.lora.selection.set_files import SetItem
from wan_lora_studio.lora.selection.sets import LoRASets
from wan_lora_studio.lora.selection.strengths import LoRASelection, Strength
from wan_lora_studio.lora.selection.wangp_multipliers import Phases, parse_multipliers

__all__ = [
    "Accelerator",
    "LoRASelection",
    "LoRASets",
    "Phases",
    "PromptLoRA",
    "SetItem",
    "Strength",
    "accelerator_of",
    "parse_multipliers",
    "read_prompt",
    "tags_with",
    "unsupported_in",
    "without_notation",
]
