"""Full-weight parts (`.diff`, `.diff_b`): the change itself.

Source: LightX2V's and ComfyUI's extracted LoRAs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wan_lora_studio.wan.adapters.delta import Base, Parts, require_shape, take, to_fp32
from wan_lora_studio.wan.adapters.terms import Dense, Shift, Term


@dataclass(frozen=True)
class DiffDelta:
    """change: the parameter's own shape."""

    change: Tensor

    @classmethod
    def read(cls, parts: Parts, part: str, shape: tuple[int, ...], place: str) -> DiffDelta:
        """Raises IncompatibleLoRAError for a wrong shape."""
        change = take(parts, part, place)
        found = tuple(change.shape)
        # Vectors travel as [n], [1, n] or [1, n, 1...] between trainers.
        squeezed = tuple(size for size in found if size != 1)
        if found != shape and squeezed == tuple(size for size in shape if size != 1):
            change, found = change.reshape(shape), shape
        require_shape(found, shape, f"{place}.{part}")
        return cls(change)

    def of(self, base: Tensor) -> Tensor:
        return to_fp32(self.change, base.device)

    def product(self, device: torch.device) -> None:
        return None

    def terms(self, base: Base) -> tuple[Term, ...]:
        return (Shift(self.change),) if self.change.ndim == 1 else (Dense(self.change),)
