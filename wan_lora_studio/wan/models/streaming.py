"""Streaming: a pipeline whose weights are on the GPU only for the blocks that compute.

The transformers go block by block, the encoders of text and picture layer by layer, by diffusers'
group offload; the decoder, which is small, stays. Never to disk: what LoRAs change would be read
back as it was.
"""

from __future__ import annotations

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


def stream(pipeline: Any, device: torch.device) -> None:
    """Have the weights of a pipeline, which are on the host, brought to the device on use.

    The copies go beside the computing. They are prepared beforehand where the host has memory
    for that, else each at its time.
    """
    cuda = device.type == "cuda"
    options = {
        "onload_device": device,
        "offload_device": torch.device("cpu"),
        "use_stream": cuda,
        "low_cpu_mem_usage": cuda and not _may_pin(pipeline),
    }
    for name in BLOCKS:
        if (part := getattr(pipeline, name, None)) is not None:
            apply_group_offloading(
                part, offload_type="block_level", num_blocks_per_group=1, **options
            )
    for name in LAYERS:
        if (part := getattr(pipeline, name, None)) is not None:
            apply_group_offloading(part, offload_type="leaf_level", **options)
    pipeline.vae.to(device)


def stop_streaming(pipeline: Any) -> None:
    """Take `stream` back; the weights are on the host then."""
    for name in (*BLOCKS, *LAYERS):
        if (part := getattr(pipeline, name, None)) is not None:
            registry = HookRegistry.check_if_exists_or_initialize(part)
            for hook in (
                _GROUP_OFFLOADING,
                _LAYER_EXECUTION_TRACKER,
                _LAZY_PREFETCH_GROUP_OFFLOADING,
            ):
                registry.remove_hook(hook, recurse=True)
            part.to("cpu")


def _may_pin(pipeline: Any) -> bool:
    weights: int = sum(
        parameter.nbytes
        for name in (*BLOCKS, *LAYERS)
        if (part := getattr(pipeline, name, None)) is not None
        for parameter in part.parameters()
    )
    # The weights themselves are there already.
    return (PINNED_TIMES - 1) * weights < int(psutil.virtual_memory().available)
