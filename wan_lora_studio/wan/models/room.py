"""Room: what is free of a GPU's and of the host's memory, measured now."""

from __future__ import annotations

from typing import Any

import psutil
import torch

from wan_lora_studio.wan.models.device_memory import free_memory, held_memory
from wan_lora_studio.wan.models.offload import Room
from wan_lora_studio.wan.weights import weights_on_host


def room_on(device: torch.device, held: Any = None) -> Room | None:
    """The room for a model on a GPU; None for another device. `held` is a pipeline of ours that is
    used again or makes way: what it takes counts as free."""
    if device.type != "cuda":
        return None
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    waiting = weights_on_host(held) if held is not None else 0
    return Room(
        gpu=free_memory(device) + held_memory(device),
        host=int(memory.available) + int(swap.free) + waiting,
        memory=int(memory.total),
    )
