"""LoHa: ΔW = alpha/rank · (w1_a @ w1_b) ∘ (w2_a @ w2_b), optionally with Tucker cores.

Source: LyCORIS `modules/loha.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from wan_lora_studio.wan.adapters.delta import (
    Base,
    Parts,
    require_factors,
    require_shape,
    scale_of,
    take,
    to_fp32,
)
from wan_lora_studio.wan.adapters.terms import Dense, Hadamard, Term


@dataclass(frozen=True)
class LoHaDelta:
    """a: [out, rank], b: [rank, in·kernel]; with a core [rank, rank, ...] a: [rank, out]."""

    halves: tuple[tuple[Tensor, Tensor, Tensor | None], ...]
    scale: float

    @classmethod
    def read(cls, parts: Parts, shape: tuple[int, ...], place: str) -> LoHaDelta:
        """Raises LoRAFileError for a missing factor, IncompatibleLoRAError for a wrong shape."""
        halves = tuple(
            (
                take(parts, f"hada_w{index}_a", place),
                take(parts, f"hada_w{index}_b", place),
                parts.get(f"hada_t{index}"),
            )
            for index in (1, 2)
        )
        require_factors(all(_fits(*half) for half in halves), parts, place)
        for left, right, core in halves:
            if core is None:
                found = (left.shape[0], right[0].numel())
                require_shape(found, (shape[0], prod(shape[1:])), place)
            else:
                require_shape((left.shape[1], right.shape[1], *core.shape[2:]), shape, place)
        return cls(halves, scale_of(parts, halves[0][1].shape[0], place))

    def of(self, base: Tensor) -> Tensor:
        first, second = (_product(half, base) for half in self.halves)
        return first.mul_(second).mul_(self.scale)

    def product(self, device: torch.device) -> None:
        return None

    def terms(self, base: Base) -> tuple[Term, ...]:
        (left, right, core), (other_left, other_right, other_core) = self.halves
        if core is None and other_core is None:
            first, second = (left, right.flatten(1)), (other_left, other_right.flatten(1))
            return (Hadamard(first, second, self.scale),)
        return (Dense(self.of(base().float())),)


def _fits(left: Tensor, right: Tensor, core: Tensor | None) -> bool:
    if left.ndim != 2 or right.ndim < 2:
        return False
    if core is None:
        return left.shape[1] == right.shape[0]
    return core.shape[:2] == (left.shape[0], right.shape[0])


def _product(half: tuple[Tensor, Tensor, Tensor | None], base: Tensor) -> Tensor:
    left, right = to_fp32(half[0], base.device), to_fp32(half[1], base.device)
    if half[2] is None:
        return (left @ right.flatten(1)).reshape(base.shape)
    core = to_fp32(half[2], base.device)
    return torch.einsum("ij...,jr,ip->pr...", core, right, left).reshape(base.shape)
