"""Device memory: which device computes, and how much memory it has, in bytes."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import psutil
import torch

from wan_lora_studio.errors import VRAMError
from wan_lora_studio.texts import say

WEIGHT_SUFFIXES = (".safetensors", ".bin")


def choose_device(wanted: str) -> torch.device:
    """The device for `auto`, `cpu`, `mps`, `cuda` or `cuda:N`. Raises VRAMError if absent."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(wanted)
    there = {
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }.get(device.type, True)
    if not there:
        raise VRAMError(
            say("wan.models.no_device", device=repr(wanted)),
            suggestions=[say("wan.models.choose_device")],
        )
    return device


def total_memory(device: torch.device) -> int:
    """The device's memory; the host's where the device shares it."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)


def free_memory(device: torch.device) -> int:
    """What is free of it now; on the host, what could be without swapping."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def held_memory(device: torch.device) -> int:
    """What of a GPU's memory this process's tensors hold, or could again without asking for it."""
    return int(torch.cuda.memory_reserved(device)) if device.type == "cuda" else 0


def weights_on_disk(folder: Path) -> int:
    """Bytes of all weight files below a model folder."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.suffix in WEIGHT_SUFFIXES and path.is_file()
    )


def release_memory() -> None:
    """Give cached memory back, to the device and to the system."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.accelerator.empty_host_cache()  # copies that the GPU could read directly
    if sys.platform == "linux":
        _trim_heap()


def _trim_heap() -> None:
    """Have glibc return freed memory to the system; other C libraries have no such call."""
    try:
        trim = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return
    trim(0)
