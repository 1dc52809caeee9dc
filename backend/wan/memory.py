"""How much memory there is and how much a model takes. Sizes in bytes."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import psutil
import torch

from backend.errors import VRAMError
from backend.wan.task import GenerationTask

WEIGHT_SUFFIXES = (".safetensors", ".bin")
# Activations, caches and the decoder need room beside the weights.
ACTIVATION_SHARE = 0.8


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


def memory_report(device: torch.device) -> dict[str, float]:
    """Megabytes used and in all, for the status line."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return {"used_mb": (total - free) / 1e6, "total_mb": total / 1e6}
    used = psutil.Process().memory_info().rss
    return {"used_mb": used / 1e6, "total_mb": total_memory(device) / 1e6}


def weights_on_disk(folder: Path) -> int:
    """Bytes of all weight files below a model folder."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.suffix in WEIGHT_SUFFIXES and path.is_file()
    )


def weights_in_memory(pipeline: Any) -> int:
    """Bytes of all parameters of a pipeline's components."""
    return sum(
        parameter.numel() * parameter.element_size()
        for component in pipeline.components.values()
        if isinstance(component, torch.nn.Module)
        for parameter in component.parameters()
    )


def release_memory() -> None:
    """Give cached memory back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def out_of_memory(task: GenerationTask, stage: str) -> VRAMError:
    """The error for memory that ran out at a stage, with changes that need less."""
    suggestions = []
    if task.num_frames and task.num_frames > 17:
        frames = (task.num_frames // 2) // 4 * 4 + 1
        suggestions.append(f"Use fewer frames: {frames} instead of {task.num_frames}.")
    suggestions.append(f"Use a smaller size than {task.width}x{task.height}.")
    if task.selected_loras:
        suggestions.append("Select fewer LoRAs.")
    suggestions.append('Set "offload": "model" in config.json.')
    return VRAMError(
        f"Memory ran out while the app was busy with: {stage}.",
        suggestions=suggestions,
        context={"stage": stage},
    )
