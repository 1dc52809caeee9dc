"""Machine: the memory that models can use here, asked of the driver and the system. No torch."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.models import Room

OTHERS_ON_GPU = 700_000_000  # bytes; of the screen and other programs
OTHERS_ON_HOST = 5_000_000_000
NVML = ("libnvidia-ml.so.1", "nvml.dll")


@dataclass(frozen=True)
class Machine:
    """In bytes. `gpu` is all that the largest GPU has, None without one that is to be used."""

    gpu: int | None
    memory: int
    swap: int

    @classmethod
    def here(cls, settings: Settings) -> Machine:
        cuda = settings.device == "auto" or settings.device.startswith("cuda")
        sizes = gpu_sizes() if cuda else []
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return cls(max(sizes, default=None), int(memory.total), int(swap.total))

    @property
    def room(self) -> Room:
        """What is counted on for a model, where other programs take what they usually do."""
        return Room(
            max((self.gpu or 0) - OTHERS_ON_GPU, 0),
            max(self.memory - OTHERS_ON_HOST, 0) + self.swap,
            self.memory,
        )


class _Memory(ctypes.Structure):
    """nvmlMemory_t: total, free and used bytes."""

    _fields_ = tuple((name, ctypes.c_ulonglong) for name in ("total", "free", "used"))


def gpu_sizes() -> list[int]:
    """The memory of each NVIDIA GPU, by the driver's own answer; empty where there is none."""
    with _nvml() as nvml:
        if nvml is None:
            return []
        count = ctypes.c_uint(0)
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return []
        return [size for number in range(count.value) if (size := _size(nvml, number))]


def _size(nvml: Any, number: int) -> int:
    device, memory = ctypes.c_void_p(), _Memory()
    if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(device)) != 0:
        return 0
    if nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) != 0:
        return 0
    return int(memory.total)


@contextmanager
def _nvml() -> Iterator[Any]:
    for name in NVML:
        try:
            nvml = ctypes.CDLL(name)
        except OSError:
            continue
        if nvml.nvmlInit_v2() != 0:
            break
        try:
            yield nvml
        finally:
            nvml.nvmlShutdown()
        return
    yield None
