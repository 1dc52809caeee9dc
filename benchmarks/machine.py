"""What a run was measured with, and how much memory it holds."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("torch", "diffusers", "peft", "safetensors", "transformers")
INTERVAL = 0.002  # seconds between two looks at the memory


def describe(device: torch.device) -> dict[str, str | int]:
    """The machine and the versions, without names of hosts or folders."""
    found: dict[str, str | int] = {
        "device": "CPU",
        "CPU cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "Python": platform.python_version(),
    }
    if device.type == "cuda":
        found["device"] = torch.cuda.get_device_name(device)
    return found | {name: version(name) for name in PACKAGES}


def held_memory() -> int:
    """Bytes of memory that this process has of its own, not mapped from files."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not tell anonymous memory apart")


def release() -> None:
    """Give what nobody uses back to the system, so that `held_memory` shows what is used."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)


@dataclass
class Peak:
    """The greatest use of memory in bytes that was seen; final once its context is left."""

    size: int = 0


@contextmanager
def watched(device: torch.device) -> Iterator[Peak]:
    """The peak of the memory while the context is open: the device's, or this process's."""
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        torch.cuda.synchronize(device)
        peak.size = torch.cuda.max_memory_allocated(device)
        return
    done = threading.Event()

    def look() -> None:
        while not done.wait(INTERVAL):
            peak.size = max(peak.size, held_memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
        peak.size = max(peak.size, held_memory())


def used(device: torch.device) -> int:
    """Bytes in use now: allocated on the GPU, or anonymous memory of this process."""
    release()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return torch.cuda.memory_allocated(device)
    return held_memory()


def reachable_tensors() -> int:
    """Bytes of all tensors that live, each storage once, without those mapped from files."""
    gc.collect()
    mapped = _file_mappings()
    storages: dict[int, int] = {}
    for thing in gc.get_objects():
        # Tensors of other types (torch.compile's fake ones) need not have memory of their own.
        if type(thing) in (torch.Tensor, torch.nn.Parameter) and thing.device.type != "meta":
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(
        size
        for start, size in storages.items()
        if not any(low <= start < high for low, high in mapped)
    )


def _file_mappings() -> list[tuple[int, int]]:
    """The address ranges that are mapped from safetensors files."""
    found = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        if ".safetensors" in line:
            low, high = line.split(" ", 1)[0].split("-")
            found.append((int(low, 16), int(high, 16)))
    return found
