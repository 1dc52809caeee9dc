"""Stands for a GPU's streams: weights are copied to it beside the computing, and come back as the
copy that stayed on the host.

diffusers' own code runs, with what would be on the GPU being a copy on the CPU, and what would be
pinned memory another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from diffusers.hooks import group_offloading
from diffusers.hooks.group_offloading import ModuleGroup
from torch import Tensor

from wan_lora_studio.wan.models import streaming


class PretendStreams:
    """`pinned` counts the copies that were made for the GPU to read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pinned = 0
        to_device = ModuleGroup._transfer_tensor_to_device

        def transfer(group: Any, tensor: Tensor, source: Tensor, stream: Any) -> None:
            place, group.onload_device = group.onload_device, torch.device("cpu")
            try:
                to_device(group, tensor, source.clone(), stream)
            finally:
                group.onload_device = place

        def pin(tensor: Tensor) -> Tensor:
            self.pinned += 1
            return tensor.clone()

        onload_device = group_offloading._get_group_onload_device

        def where(module: torch.nn.Module) -> torch.device:
            onload_device(module)  # raises where the module has no group
            return torch.device("cpu")

        monkeypatch.setattr(group_offloading, "_get_group_onload_device", where)
        monkeypatch.setattr(ModuleGroup, "_transfer_tensor_to_device", transfer)
        monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
        monkeypatch.setattr(group_offloading, "TorchDeviceBackend", _Backend)
        monkeypatch.setattr(group_offloading, "send_to_device", _as_it_is)
        monkeypatch.setattr(
            streaming, "apply_group_offloading", group_offloading.apply_group_offloading
        )


class _Stream:
    def synchronize(self) -> None: ...


class _Backend:
    def __init__(self, _: Any = None) -> None: ...

    Stream = _Stream

    def current_stream(self) -> _Stream:
        return _Stream()

    @contextmanager
    def stream(self, _: _Stream) -> Iterator[None]:
        yield


def _as_it_is(value: Any, *_: Any, **__: Any) -> Any:
    return value
