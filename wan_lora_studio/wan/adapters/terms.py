"""Terms: what a change adds to a layer's output when the weight itself stays as it is.

For y = x Wᵀ + b and a change ΔW at strength s, the layer must give y + s · x ΔWᵀ. A term is one
way of computing that without ΔW, in the dtype of the factors' file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

# Made when it is first asked for: one factor for each output, [out], fp32.
Factor = Callable[[], Tensor]


@dataclass(frozen=True)
class LowRank:
    """x ↦ scale · factor · x downᵀ upᵀ; down: [rank, in], up: [out, rank]."""

    down: Tensor
    up: Tensor
    scale: float
    factor: Factor | None = None

    @property
    def rank(self) -> int:
        return self.down.shape[0]


@dataclass(frozen=True)
class Hadamard:
    """x ↦ scale · x ((a₁ b₁) ∘ (a₂ b₂))ᵀ; a: [out, rank], b: [rank, in].

    A product of ranks r and q: as one low-rank product it has rank r·q, which is large, so it is
    made of the small factors only when the layer runs.
    """

    first: tuple[Tensor, Tensor]
    second: tuple[Tensor, Tensor]
    scale: float

    @property
    def rank(self) -> int:
        """The rank of `expanded`."""
        return self.first[0].shape[1] * self.second[0].shape[1]

    def expanded(self) -> LowRank:
        """The same as one low-rank product, in fp32."""
        (a1, b1), (a2, b2) = self.first, self.second
        return LowRank(_row_products(b1.T, b2.T).T, _row_products(a1, a2), self.scale)

    def change(self) -> Tensor:
        """ΔW at strength 1, [out, in]."""
        (a1, b1), (a2, b2) = self.first, self.second
        return (a1 @ b1).mul_(a2 @ b2).mul_(self.scale)


def _row_products(a: Tensor, b: Tensor) -> Tensor:
    """[n, r] and [n, q] → [n, r·q]: all products within each row, in fp32."""
    return (a.float()[:, :, None] * b.float()[:, None, :]).flatten(1)


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
    """(y - b) ↦ (factor - 1) · (y - b), of the layer's own output y."""

    factor: Factor


@dataclass(frozen=True)
class Shift:
    """↦ scale · offset; offset: [out], added whatever the input."""

    offset: Tensor
    scale: float = 1.0


# What depends on the layer's input or on nothing, and what depends on its output.
Added = LowRank | Hadamard | Kronecker | Dense | Shift
Term = Added | Gain
