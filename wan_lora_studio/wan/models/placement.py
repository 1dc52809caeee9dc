"""Placement: putting a pipeline's weights where they are to wait."""

from __future__ import annotations

import logging
from typing import Any

import torch

from wan_lora_studio.wan.models.offload import Offload
from wan_lora_studio.wan.models.streaming import stop_streaming, stream

logger = logging.getLogger(__name__)


def put(pipeline: Any, device: torch.device, offload: Offload, *, now: Offload = "none") -> None:
    """Put a pipeline where it is to wait, from where it waits `now`."""
    release(pipeline, now)
    if offload == "none":
        pipeline.to(device)
    elif offload == "model":
        logger.info("the weights do not fit %s: parts are moved there on use", device)
        pipeline.enable_model_cpu_offload(device=device)
    else:
        logger.info("the weights do not fit %s: each block is brought there on use", device)
        pipeline.to("cpu")
        stream(pipeline, device)


def release(pipeline: Any, offload: Offload) -> None:
    """Take back what `put` set up for this offload; the weights are where they were last."""
    if offload == "model":
        pipeline.remove_all_hooks()
    elif offload == "group":
        stop_streaming(pipeline)
