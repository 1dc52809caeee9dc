"""Streaming: a pipeline whose weights are on the GPU only for the blocks that compute.

The transformers go block by block, the encoders of text and picture layer by layer, by diffusers'
group offload; the decoder, which is small, stays, and so do the transformers where only the
encoders are streamed. Never to disk: what LoRAs change would be read back as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psutil
import torch
from diffusers.hooks import HookRegistry, apply_group_offloading
from diffusers.hooks.group_offloading import (
    _GROUP_OFFLOADING,
    _LAYER_EXECUTION_TRACKER,
    _LAZY_PREFETCH_GROUP_OFFLOADING,
)

BLOCKS = ("transformer", "transformer_2")
LAYERS = ("text_encoder", "image_encoder")
PINNED_TIMES = 2.2  # of the weights: themselves and a copy that the GPU can read, and some room


def stream(pipeline: Any, device: torch.device, names: Sequence[str] = BLOCKS + LAYERS) -> None:
    """Have the weights of these parts of a pipeline brought to the device on use; all others are
    there from now on.

    The copies go beside the computing. They are prepared beforehand where the host has memory
    for that, else each at its time.
    """
    streamed = _parts(pipeline, names)
    cuda = device.type == "cuda"
    for part in streamed.values():
        part.to("cpu")
    options = {
        "onload_device": device,
        "offload_device": torch.device("cpu"),
        "use_stream": cuda,
        "low_cpu_mem_usage": cuda and not _may_pin(streamed.values()),
    }
    for name, part in streamed.items():
        kind: dict[str, Any] = {"offload_type": "leaf_level"}
        if name in BLOCKS:
            kind = {"offload_type": "block_level", "num_blocks_per_group": 1}
        apply_group_offloading(part, **kind, **options)
    for name, part in pipeline.components.items():
        if isinstance(part, torch.nn.Module) and name not in streamed:
            part.to(device)


def stop_streaming(pipeline: Any, names: Sequence[str] = BLOCKS + LAYERS) -> None:
    """Take `stream` back; the weights of these parts are on the host then."""
    for part in _parts(pipeline, names).values():
        registry = HookRegistry.check_if_exists_or_initialize(part)
        for hook in (
            _GROUP_OFFLOADING,
            _LAYER_EXECUTION_TRACKER,
            _LAZY_PREFETCH_GROUP_OFFLOADING,
        ):
            registry.remove_hook(hook, recurse=True)
        part.to("cpu")


def _parts(pipeline: Any, names: Iterable[str]) -> dict[str, Any]:
    found = {name: getattr(pipeline, name, None) for name in names}
    return {name: part for name, part in found.items() if part is not None}


def _may_pin(parts: Iterable[Any]) -> bool:
    weights: int = sum(parameter.nbytes for part in parts for parameter in part.parameters())
    # The weights themselves are there already.
    return (PINNED_TIMES - 1) * weights < int(psutil.virtual_memory().available)
