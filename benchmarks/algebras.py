"""The factors of one layer in each algebra, with the change they stand for in float64.

The changes are written from the papers and the trainers' documentation, not from
`wan_lora_studio.wan.adapters`, so that they can judge it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod

import torch
from torch import Tensor

Shape = tuple[int, ...]
Change = Callable[[Tensor], Tensor]  # pristine parameter in float64 -> its change in float64


@dataclass(frozen=True)
class Factors:
    """parts: canonical part name -> tensor; the changes of the layer's weight and bias."""

    parts: Mapping[str, Tensor]
    weight: Change | None = None
    bias: Change | None = None


@dataclass(frozen=True)
class Recipe:
    """How factors are drawn. `alpha` None: the file has no alpha, so alpha = rank."""

    rank: int = 4
    alpha: float | None = None
    dtype: torch.dtype = torch.float32
    scale: float = 0.3


Source = Callable[..., Tensor]  # (*shape) -> standard normal numbers
Maker = Callable[[Shape, Recipe, Source], Factors]


def drawn(seed: int) -> Source:
    """Every number drawn anew."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator)


def repeated(seed: int, size: int = 1 << 22) -> Source:
    """Numbers of one tile over and over: quick, for large files of which only time matters."""
    tile = torch.randn(size, generator=torch.Generator().manual_seed(seed))
    return lambda *shape: tile.repeat(-(-prod(shape) // size))[: prod(shape)].reshape(shape)


@dataclass
class Draw:
    """Random factors of a recipe, in its dtype."""

    recipe: Recipe
    source: Source
    parts: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, name: str, *shape: int) -> Tensor:
        values = self.source(*shape) * self.recipe.scale
        self.parts[name] = values.to(self.recipe.dtype)
        return self.parts[name]

    def factor(self, rank: int) -> float:
        """alpha / rank, with the alpha written into the parts where the recipe has one."""
        if self.recipe.alpha is None:
            return 1.0
        self.parts["alpha"] = torch.tensor(self.recipe.alpha)
        return self.recipe.alpha / rank


def lora(shape: Shape, recipe: Recipe, source: Source) -> Factors:
    """ΔW = alpha/rank · up @ down (Hu et al. 2021)."""
    draw = Draw(recipe, source)
    down = draw("lora_down", recipe.rank, shape[1])
    up = draw("lora_up", shape[0], recipe.rank)
    factor = draw.factor(recipe.rank)
    return Factors(draw.parts, lambda base: factor * (up.double() @ down.double()).to(base.device))


def lora_with_bias(shape: Shape, recipe: Recipe, source: Source) -> Factors:
    """LoRA whose up projection has a bias (`lora_bias=True` in peft)."""
    made = lora(shape, recipe, source)
    draw = Draw(recipe, source, dict(made.parts))
    bias = draw("lora_up_bias", shape[0])
    factor = draw.factor(recipe.rank)
    return Factors(draw.parts, made.weight, lambda base: factor * bias.double())


def dora(shape: Shape, recipe: Recipe, source: Source) -> Factors:
    """W' = m · (W + ΔW) / ‖W + ΔW‖ per output row (Liu et al. 2024)."""
    made = lora(shape, recipe, source)
    draw = Draw(recipe, source, dict(made.parts))
    magnitude = draw("dora_scale", shape[0], 1).abs().add(0.5)
    draw.parts["dora_scale"] = magnitude

    def change(base: Tensor) -> Tensor:
        assert made.weight is not None
        whole = base + made.weight(base)
        norm = whole.square().sum(dim=1, keepdim=True).sqrt()
        return magnitude.double() * whole / norm - base

    return Factors(draw.parts, change)


def peft_dora(shape: Shape, recipe: Recipe, source: Source) -> Factors:
    """As `dora`, with the magnitudes as peft writes them: [out] instead of [out, 1]."""
    made = dora(shape, recipe, source)
    magnitude = made.parts["dora_scale"].flatten()
    return Factors({**made.parts, "dora_scale": magnitude}, made.weight)


def lokr(shape: Shape, recipe: Recipe, source: Source) -> Factors:
    """ΔW = alpha/rank · w1 ⊗ (w2_a @ w2_b) (LyCORIS, `lokr`)."""
    draw, block = Draw(recipe, source), 4
    w1 = draw("lokr_w1", block, block)
    left = draw("lokr_w2_a", shape[0] // block, recipe.rank)
    right = draw("lokr_w2_b", recipe.rank, shape[1] // block)
    factor = draw.factor(recipe.rank)
    return Factors(
        draw.parts,
        lambda base: factor * torch.kron(w1.double(), left.double() @ right.double()),
    )


def full_lokr(shape: Shape, recipe: Recipe, source: Source) -> Factors:
    """ΔW = w1 ⊗ w2 with both factors whole; its alpha means nothing (ai-toolkit, rank "full")."""
    draw, block = Draw(recipe, source), 4
    w1 = draw("lokr_w1", block, block)
    w2 = draw("lokr_w2", shape[0] // block, shape[1] // block)
    draw.factor(recipe.rank)
    return Factors(draw.parts, lambda base: torch.kron(w1.double(), w2.double()))


def loha(shape: Shape, recipe: Recipe, source: Source) -> Factors:
    """ΔW = alpha/rank · (w1_a @ w1_b) ∘ (w2_a @ w2_b) (LyCORIS, `loha`)."""
    draw = Draw(recipe, source)
    halves = [
        (
            draw(f"hada_w{number}_a", shape[0], recipe.rank),
            draw(f"hada_w{number}_b", recipe.rank, shape[1]),
        )
        for number in (1, 2)
    ]
    factor = draw.factor(recipe.rank)

    def change(base: Tensor) -> Tensor:
        first, second = (left.double() @ right.double() for left, right in halves)
        return factor * first * second

    return Factors(draw.parts, change)


def difference(shape: Shape, recipe: Recipe, source: Source) -> Factors:
    """A full-weight part: the change itself (`.diff`)."""
    draw = Draw(recipe, source)
    values = draw("diff", *shape)
    return Factors(draw.parts, lambda base: values.double())
