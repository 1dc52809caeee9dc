"""Devices: one worker per GPU, one on a machine without. No torch here."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from wan_lora_studio.settings import Settings

NVML = ("libnvidia-ml.so.1", "nvml.dll")


def worker_devices(settings: Settings, gpus: int | None = None) -> list[str]:
    """The `device` setting of each worker. `gpus` None means: count them."""
    if settings.device not in ("auto", "cuda"):
        return [settings.device] * max(1, settings.workers)
    count = gpu_count() if gpus is None else gpus
    wanted = settings.workers or max(1, count)
    if count < 2:  # nothing to share out; the worker finds the one GPU, or none, by itself
        return [settings.device] * wanted
    return [f"cuda:{number % count}" for number in range(wanted)]


def gpu_count(environment: Mapping[str, str] = os.environ) -> int:
    """The NVIDIA GPUs that a worker's torch will see, numbered from cuda:0."""
    if not _torch_has_cuda():
        return 0
    found = _driver_count()
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None or found == 0:
        return found
    chosen = []
    for entry in visible.split(","):
        if not entry.strip() or entry.strip() == "-1":
            break  # CUDA stops reading at the first that is not a device
        chosen.append(entry)
    return len(chosen)


def _torch_has_cuda() -> bool:
    try:
        return not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False


def _driver_count() -> int:
    """The driver's own answer, through NVML (nvmlDeviceGetCount_v2)."""
    for name in NVML:
        try:
            nvml = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_uint(0)
        if nvml.nvmlInit_v2() != 0:
            return 0
        try:
            return int(count.value) if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0 else 0
        finally:
            nvml.nvmlShutdown()
    return 0
