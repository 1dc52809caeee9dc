"""LoKr: ΔW = scale · (W1 ⊗ W2), each factor full or itself of low rank.

Source: LyCORIS `modules/lokr.py`. scale = alpha/rank when a factor is of low rank, else 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wan_lora_studio.wan.adapters.delta import (
    Base,
    Parts,
    require_factors,
    require_weight_shape,
    scale_of,
    take,
    to_fp32,
)
from wan_lora_studio.wan.adapters.terms import Dense, Kronecker, Term


@dataclass(frozen=True)
class LoKrDelta:
    """w1: [a, b] and w2: [c, d, ...] give [a·c, b·d, ...]; each a chain of factors."""

    w1: tuple[Tensor, ...]
    w2: tuple[Tensor, ...]
    core: Tensor | None
    scale: float

    @classmethod
    def read(cls, parts: Parts, shape: tuple[int, ...], place: str) -> LoKrDelta:
        """Raises LoRAFileError for a missing factor, IncompatibleLoRAError for a wrong shape."""
        w1 = _factor(parts, "lokr_w1", place)
        w2 = _factor(parts, "lokr_w2", place)
        core = parts.get("lokr_t2")
        require_factors(_fits(w1, w2, core), parts, place)
        # LyCORIS shares one rank; it is the inner size of whichever factor is split.
        rank = w2[1].shape[0] if len(w2) == 2 else w1[1].shape[0] if len(w1) == 2 else None
        rows, columns = w1[0].shape[0], w1[-1].shape[1]
        if core is None:
            kernel = w2[-1].shape[2:]
            found = (rows * w2[0].shape[0], columns * w2[-1].shape[1], *kernel)
        else:
            found = (rows * w2[0].shape[1], columns * w2[1].shape[1], *core.shape[2:])
        require_weight_shape(found, shape, place)
        return cls(w1, w2, core, scale_of(parts, rank, place))

    def of(self, base: Tensor) -> Tensor:
        w1 = _product(self.w1, base.device)
        if self.core is None:
            w2 = _product(self.w2, base.device)
        else:
            core, left, right = (
                to_fp32(part, base.device) for part in (self.core, self.w2[0], self.w2[1])
            )
            w2 = torch.einsum("ij...,ip,jr->pr...", core, left, right)
        w1 = w1.reshape(*w1.shape, *(1,) * (w2.ndim - 2))
        w2 = w2.contiguous()
        return torch.kron(w1, w2).reshape(base.shape).mul_(self.scale)

    def product(self, device: torch.device) -> None:
        return None

    def terms(self, base: Base) -> tuple[Term, ...]:
        if self.core is not None or any(part.ndim != 2 for part in (*self.w1, *self.w2)):
            return (Dense(self.of(base().float())),)
        return (Kronecker(self.w1, self.w2, self.scale),)


def _factor(parts: Parts, name: str, place: str) -> tuple[Tensor, ...]:
    if name in parts:
        return (parts[name],)
    return take(parts, f"{name}_a", place), take(parts, f"{name}_b", place)


def _fits(w1: tuple[Tensor, ...], w2: tuple[Tensor, ...], core: Tensor | None) -> bool:
    if any(part.ndim < 2 for part in (*w1, *w2)):
        return False
    if len(w1) == 2 and w1[0].shape[1] != w1[1].shape[0]:
        return False
    if core is not None:
        return len(w2) == 2 and core.shape[:2] == (w2[0].shape[0], w2[1].shape[0])
    return len(w2) == 1 or w2[0].shape[1] == w2[1].shape[0]


def _product(factors: tuple[Tensor, ...], device: torch.device) -> Tensor:
    first = to_fp32(factors[0], device)
    if len(factors) == 1:
        return first
    second = to_fp32(factors[1], device)
    return (first @ second.flatten(1)).reshape(first.shape[0], *second.shape[1:])
