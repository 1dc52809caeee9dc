"""What a change adds to a layer's output when the weight itself stays as it is.

For y = x Wᵀ + b and a change ΔW at strength s, the layer must give y + s · x ΔWᵀ. A term is one
way of computing that without ΔW, in the dtype of the factors' file.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class LowRank:
    """x ↦ scale · x downᵀ upᵀ; down: [rank, in], up: [out, rank]."""

    down: Tensor
    up: Tensor
    scale: float


@dataclass(frozen=True)
class Kronecker:
    """x ↦ scale · x (w1 ⊗ w2)ᵀ; each factor is a chain of matrices to be multiplied."""

    w1: tuple[Tensor, ...]
    w2: tuple[Tensor, ...]
    scale: float


@dataclass(frozen=True)
class Dense:
    """x ↦ x changeᵀ; change: [out, in]."""

    change: Tensor


@dataclass(frozen=True)
class Gain:
    """(y - b) ↦ factor · (y - b); factor: [out], of the layer's own output."""

    factor: Tensor


@dataclass(frozen=True)
class Shift:
    """↦ offset; offset: [out], added whatever the input."""

    offset: Tensor


Term = LowRank | Kronecker | Dense | Gain | Shift
