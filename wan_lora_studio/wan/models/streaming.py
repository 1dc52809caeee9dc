"""Streaming: a pipeline whose weights are on the GPU only for the blocks that compute.

The transformers go block by block, the encoders of text and picture and the decoder layer by layer,
by diffusers' group offload; the others stay where only the encoders are streamed. Never to disk:
what LoRAs change would be read back as it was.
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

from wan_lora_studio.wan.adapters import custody_of
from wan_lora_studio.wan.components import DECODER, ENCODERS, TRANSFORMERS
from wan_lora_studio.wan.weights import parameter_bytes

EVERY_PART = (*TRANSFORMERS, *ENCODERS, DECODER)
PINNED_TIMES = 2.2  # of the weights: themselves and a copy that the GPU can read, and some room


def stream(pipeline: Any, device: torch.device, names: Sequence[str] = EVERY_PART) -> None:
    """Have the weights of these parts of a pipeline brought to the device on use; all others are
    there from now on.

    The copies go beside the computing. They are prepared beforehand where the host has memory
    for that, else each at its time.
    """
    streamed = _parts(pipeline, names)
    here = {name: part for name, part in streamed.items() if is_here(part)}
    for part in here.values():
        part.to("cpu")
    pinned = _may_pin(here.values())
    for name, part in here.items():
        stream_part(name, part, device, pinned=pinned)
    for name, part in pipeline.components.items():
        if isinstance(part, torch.nn.Module) and name not in streamed:
            part.to(device)


def stream_part(name: str, part: Any, device: torch.device, *, pinned: bool | None = None) -> None:
    """The same for one part, which is on the host; `pinned`: whether its copies are prepared."""
    # Ahead of its use only what is called as a whole: the decoder's halves are called by name.
    cuda = device.type == "cuda" and name != DECODER
    kind: dict[str, Any] = {"offload_type": "leaf_level"}
    if name in TRANSFORMERS:
        kind = {"offload_type": "block_level", "num_blocks_per_group": 1}
    apply_group_offloading(
        part,
        **kind,
        onload_device=device,
        offload_device=torch.device("cpu"),
        use_stream=cuda,
        low_cpu_mem_usage=cuda and not (_may_pin([part]) if pinned is None else pinned),
    )


def stop_streaming(pipeline: Any, names: Sequence[str] = EVERY_PART) -> None:
    """Take `stream` back; the weights of these parts are on the host then."""
    for part in _parts(pipeline, names).values():
        stop_part(part)


def stop_part(part: Any) -> None:
    """The same for one part."""
    registry = HookRegistry.check_if_exists_or_initialize(part)
    for hook in (_GROUP_OFFLOADING, _LAYER_EXECUTION_TRACKER, _LAZY_PREFETCH_GROUP_OFFLOADING):
        registry.remove_hook(hook, recurse=True)
    part.to("cpu")


def is_here(part: Any) -> bool:
    """Whether a part's weights are in memory; not, where they are read when they are called."""
    presence = custody_of(part).presence
    return presence is None or presence.here


def _parts(pipeline: Any, names: Iterable[str]) -> dict[str, Any]:
    found = {name: getattr(pipeline, name, None) for name in names}
    return {name: part for name, part in found.items() if part is not None}


def _may_pin(parts: Iterable[Any]) -> bool:
    weights = sum(parameter_bytes(part) for part in parts)
    # The weights themselves are there already.
    return (PINNED_TIMES - 1) * weights < int(psutil.virtual_memory().available)
