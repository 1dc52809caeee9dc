"""Part sizes: how much memory the weights of a pipeline's parts take, in bytes."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import is_traceable_wrapper_subclass


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
