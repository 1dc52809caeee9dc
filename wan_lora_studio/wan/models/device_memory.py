"""Device memory: how much there is and how much a model takes, in bytes."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import Any

import psutil
import torch
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from wan_lora_studio.errors import VRAMError, links

WEIGHT_SUFFIXES = (".safetensors", ".bin")
CUDA_OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation
FULL_BELOW = 256 << 20  # bytes left; less than one more tensor of a run


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
            f"The device {wanted!r} is not available.",
            suggestions=["Set device to auto or cpu, or check the GPU driver."],
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


def weights_in_memory(pipeline: Any) -> dict[str, int]:
    """Bytes of the parameters of each of a pipeline's components."""
    return {
        name: parameter_bytes(part)
        for name, part in pipeline.components.items()
        if isinstance(part, torch.nn.Module)
    }


def parameter_bytes(part: torch.nn.Module) -> int:
    """Bytes of a part's parameters, also where they are still to be read."""
    return sum(_bytes(parameter) for parameter in part.parameters())


def _bytes(tensor: torch.Tensor) -> int:
    """What it takes, also where it consists of several."""
    return sum(part.numel() * part.element_size() for part in _parts(tensor))


def _held(tensor: torch.Tensor) -> int:
    """What it takes of memory, which for one number that stands for many is little."""
    return sum(part.untyped_storage().nbytes() for part in _parts(tensor))


def _parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    if not is_traceable_wrapper_subclass(tensor):
        return [tensor]
    return [getattr(tensor, name) for name in tensor.__tensor_flatten__()[0]]


def weights_on_host(pipeline: Any) -> int:
    """Bytes that parameters take of the computer's own memory."""
    return sum(
        _held(parameter)
        for part in pipeline.components.values()
        if isinstance(part, torch.nn.Module)
        for parameter in part.parameters()
        if parameter.device.type == "cpu"
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


def is_out_of_memory(error: BaseException, *, tight: bool = False) -> bool:
    """Whether a failure means that memory ran out, told by types, codes and what is left.

    Libraries wrap it into errors of their own, so that what led to the failure counts too.

    torch raises a plain RuntimeError where the host's or a library's allocation fails; it is
    taken for one if hardly any memory is left, or if the run was foreseen not to fit (`tight`).
    """
    return any(_says_memory(link, tight=tight) for link in (error, *links(error)))


def _says_memory(error: BaseException, *, tight: bool) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, torch.AcceleratorError):
        return getattr(error, "error_code", None) == CUDA_OUT_OF_MEMORY
    return type(error) is RuntimeError and (tight or _memory_is_full())


def _memory_is_full() -> bool:
    free = [int(psutil.virtual_memory().available)]
    if torch.cuda.is_available():
        free.append(int(torch.cuda.mem_get_info()[0]))
    return min(free) < FULL_BELOW
