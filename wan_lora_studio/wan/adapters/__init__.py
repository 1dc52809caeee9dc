"""Adapters: LoRA factors on a transformer, applied exactly and taken off without a trace.

One file per algebra. It needs torch; it knows no task, no page and no queue.
"""

from __future__ import annotations

from wan_lora_studio.wan.adapters.apply_mode import WantedMode
from wan_lora_studio.wan.adapters.cache import AdapterCache
from wan_lora_studio.wan.adapters.custody import Custody, custody_of
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.metering import LoadMeter
from wan_lora_studio.wan.adapters.pipeline_parts import config_of_part, transformers_of
from wan_lora_studio.wan.adapters.presence import Presence
from wan_lora_studio.wan.adapters.pristine import Pristine
from wan_lora_studio.wan.adapters.resolve import StackItem
from wan_lora_studio.wan.adapters.stack import AppliedStack, applied_stack

__all__ = [
    "AdapterCache",
    "AppliedStack",
    "Custody",
    "Layout",
    "LoadMeter",
    "Presence",
    "Pristine",
    "StackItem",
    "WantedMode",
    "applied_stack",
    "config_of_part",
    "custody_of",
    "transformers_of",
]
