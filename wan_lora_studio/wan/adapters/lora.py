"""LoRA: ΔW = alpha/rank · up @ down, optionally through a Tucker core (`lora_mid`).

Source: Hu et al. 2021; kohya's `networks/lora.py` for alpha and convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wan_lora_studio.wan.adapters.delta import (
    Base,
    Parts,
    Product,
    require_factors,
    require_shape,
    require_weight_shape,
    scale_of,
    take,
    to_fp32,
)
from wan_lora_studio.wan.adapters.terms import LowRank, Shift, Term


@dataclass(frozen=True)
class LoRADelta:
    """down: [rank, in, ...], up: [out, rank, ...], mid: [rank, rank, ...] or None."""

    down: Tensor
    up: Tensor
    mid: Tensor | None
    scale: float

    @classmethod
    def read(cls, parts: Parts, shape: tuple[int, ...], place: str) -> LoRADelta:
        """Raises LoRAFileError for a missing half, IncompatibleLoRAError for a wrong shape."""
        down, up = take(parts, "lora_down", place), take(parts, "lora_up", place)
        mid = parts.get("lora_mid")
        rank = down.shape[0] if down.ndim else 0
        fits = down.ndim >= 2 and up.ndim >= 2 and up[0].numel() == rank and rank > 0
        if mid is not None:
            fits = fits and mid.shape[:2] == (rank, rank) and down[0].numel() == down.shape[1]
        require_factors(fits, parts, place)
        kernel = down.shape[2:] if mid is None else mid.shape[2:]
        require_weight_shape((up.shape[0], down.shape[1], *kernel), shape, place)
        return cls(down, up, mid, scale_of(parts, rank, place))

    def of(self, base: Tensor) -> Tensor:
        product = self.product(base.device)
        return (product.up @ product.down).reshape(base.shape).mul_(self.scale)

    def product(self, device: torch.device) -> Product:
        up = to_fp32(self.up, device).flatten(1)
        down = to_fp32(self.down, device)
        exact = self.mid is None and self.up.dtype == self.down.dtype == torch.bfloat16
        if self.mid is not None:
            core = to_fp32(self.mid, device)
            inner = core.flatten(2).transpose(1, 2) @ down.flatten(1)
            down = inner.transpose(1, 2)
        return Product(up, down.flatten(1), self.scale, exact)

    def terms(self, base: Base) -> tuple[Term, ...]:
        if self.mid is not None:
            product = self.product(self.up.device)
            return (LowRank(product.down, product.up, self.scale),)
        return (LowRank(self.down.flatten(1), self.up.flatten(1), self.scale),)


@dataclass(frozen=True)
class LoRABiasDelta:
    """The bias of the up projection: Δb = alpha/rank · b, b: [out]."""

    bias: Tensor
    scale: float

    @classmethod
    def read(cls, parts: Parts, shape: tuple[int, ...], place: str) -> LoRABiasDelta:
        bias = take(parts, "lora_up_bias", place)
        require_shape(tuple(bias.shape), shape, place)
        rank = take(parts, "lora_down", place).shape[0]
        return cls(bias, scale_of(parts, rank, place))

    def of(self, base: Tensor) -> Tensor:
        return to_fp32(self.bias, base.device) * self.scale

    def product(self, device: torch.device) -> None:
        return None

    def terms(self, base: Base) -> tuple[Term, ...]:
        return (Shift(self.bias, self.scale),)
