"""Metering: what applying a stack costs, in seconds until it is applied and bytes while it is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.lora.storage import Measured
from wan_lora_studio.wan.adapters.apply_mode import Mode
from wan_lora_studio.wan.adapters.cache import AdapterCache
from wan_lora_studio.wan.adapters.custody import custody_of
from wan_lora_studio.wan.adapters.resolve import StackItem


class LoadMeter:
    """Of one use. `begin` is called when the pipeline is owned, `applied` when the stack is in
    force: waiting for another owner is no part of it."""

    def __init__(self, cache: AdapterCache, pipeline: Any, items: Sequence[StackItem]) -> None:
        self._cache = cache
        found = (getattr(pipeline, name, None) for name in ("transformer", "transformer_2"))
        self._models = [model for model in found if isinstance(model, nn.Module)]
        self._files = {path for item in items for path in item.files.values()}
        self._reads = cache.reads
        self._started = time.monotonic()
        self.seconds = 0.0

    def begin(self) -> None:
        self._reads = self._cache.reads
        self._started = time.monotonic()

    def applied(self) -> None:
        self.seconds = time.monotonic() - self._started if self._files else 0.0

    def measured(self, mode: Mode, resident: Mapping[Expert, int]) -> Measured:
        """Ask while the stack is applied; what is on an accelerator is only known after
        the model has run. `resident` are the bytes there, by expert."""
        device = next((p.device.type for m in self._models for p in m.parameters()), "cpu")
        return Measured(
            mode=mode,
            device=device,
            cold=self._cache.reads > self._reads,
            seconds=self.seconds,
            host=sum(map(_size, self._files)) + sum(map(_copied, self._models)),
            gpu=max(resident.values(), default=0) if device != "cpu" else 0,
        )


def _size(path: Path) -> int:
    """Bytes; 0 for a file that is gone by now."""
    return path.stat().st_size if path.exists() else 0


def _copied(model: nn.Module) -> int:
    """Bytes of copies of the model's weights."""
    return custody_of(model).copied_bytes
