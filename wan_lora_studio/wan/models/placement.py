"""Placement: putting a pipeline's weights where they are to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from wan_lora_studio.wan.components import ENCODERS
from wan_lora_studio.wan.models.needs import Offload, idle_parts
from wan_lora_studio.wan.models.streaming import (
    stop_part,
    stop_streaming,
    stream,
    stream_part,
)


def put(pipeline: Any, device: torch.device, offload: Offload, *, now: Offload = "none") -> None:
    """Put a pipeline where it is to wait, from where it waits `now`."""
    release(pipeline, now)
    if offload == "none":
        pipeline.to(device)
    elif offload == "encoder":
        stream(pipeline, device, ENCODERS)
    elif offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        stream(pipeline, device)


def release(pipeline: Any, offload: Offload) -> None:
    """Take back what `put` set up for this offload; the weights are where they were last."""
    if offload == "encoder":
        stop_streaming(pipeline, ENCODERS)
    elif offload == "model":
        pipeline.remove_all_hooks()
    elif offload == "group":
        stop_streaming(pipeline)


def move_idle(pipeline: Any, device: torch.device, offload: Offload) -> None:
    """Move the parts that decoding doesn't use and that stay on the GPU."""
    for name in idle_parts(offload):
        if (part := getattr(pipeline, name, None)) is not None:
            part.to(device)


@dataclass(frozen=True)
class PartPlacement:
    """Where a part's weights wait that come and go, while they are here: as `put` has the others.

    Hooks that move a part as a whole stay on it; those that bring its pieces are of its weights.
    """

    device: torch.device
    offload: Offload

    def in_pieces(self, name: str) -> bool:
        """Whether the part is brought to the device in pieces."""
        return self.offload == "group" or (self.offload == "encoder" and name in ENCODERS)

    def came(self, name: str, part: nn.Module) -> None:
        if self.in_pieces(name):
            stream_part(name, part, self.device)

    def leaves(self, name: str, part: nn.Module) -> None:
        if self.in_pieces(name):
            stop_part(part)
