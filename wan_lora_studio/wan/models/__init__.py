"""Models: loading a model of the table, where its weights wait, and which model it is.

What needs torch is loaded on first use. It knows no LoRA and no task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wan_lora_studio.lazy_exports import on_first_use
from wan_lora_studio.wan.models.host_memory import HostMemory
from wan_lora_studio.wan.models.identity import (
    LATENT_COLOURS,
    OPENING,
    PROMPT_WORDS,
    installed_fingerprint,
)
from wan_lora_studio.wan.models.needs import ORDER, Decoding, Needs, Offload
from wan_lora_studio.wan.models.offload import (
    ACTIVATION_SHARE,
    Placing,
    Room,
    decoding_for,
    placing_for,
)

if TYPE_CHECKING:
    from wan_lora_studio.wan.models.device_memory import (
        choose_device,
        free_memory,
        release_memory,
        total_memory,
    )
    from wan_lora_studio.wan.models.loading import LoadedModel, ModelManager
    from wan_lora_studio.wan.models.placement import put, release
    from wan_lora_studio.wan.models.reading import weight_type
    from wan_lora_studio.wan.models.room import room_on

__all__ = [
    "ACTIVATION_SHARE",
    "LATENT_COLOURS",
    "OPENING",
    "ORDER",
    "PROMPT_WORDS",
    "Decoding",
    "HostMemory",
    "LoadedModel",
    "ModelManager",
    "Needs",
    "Offload",
    "Placing",
    "Room",
    "choose_device",
    "decoding_for",
    "free_memory",
    "installed_fingerprint",
    "placing_for",
    "put",
    "release",
    "release_memory",
    "room_on",
    "total_memory",
    "weight_type",
]

__getattr__ = on_first_use(
    __name__,
    {
        "LoadedModel": "loading",
        "ModelManager": "loading",
        "choose_device": "device_memory",
        "free_memory": "device_memory",
        "release_memory": "device_memory",
        "room_on": "room",
        "total_memory": "device_memory",
        "put": "placement",
        "release": "placement",
        "weight_type": "reading",
    },
)
