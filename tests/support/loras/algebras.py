"""One layer's factors in each algebra, with the float64 formula of what they change.

The parts are named here independently of the app; `layouts` spells them.
Sources of the formulas: Hu et al. 2021 (LoRA), Liu et al. 2024 (DoRA), LyCORIS (LoKr, LoHa).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from tests.support.loras.weights import Change, random

RANK = 4
ALPHA = 6.0
FACTOR = 4  # of LoKr's smaller matrix


@dataclass(frozen=True)
class Factors:
    """parts: name -> tensor; changes: "weight" or "bias" -> f(pristine, float64) -> change."""

    parts: dict[str, Tensor]
    changes: dict[str, Change]


Algebra = Callable[[tuple[int, ...], int], Factors]  # (shape of the weight, seed)


def constant(change: Tensor) -> Change:
    return lambda base: change.reshape(base.shape)


def of_weight(parts: dict[str, Tensor], change: Tensor) -> Factors:
    return Factors(parts, {"weight": constant(change)})


def lora(shape: tuple[int, ...], seed: int, rank: int = RANK) -> Factors:
    """Without alpha the scale is 1. Of a convolution: the kernel lies in `down`."""
    down = random(rank, *shape[1:], seed=seed)
    up = random(shape[0], rank, *(1 for _ in shape[2:]), seed=seed + 1)
    return of_weight({"down": down, "up": up}, up.double().flatten(1) @ down.double().flatten(1))


def lora_alpha(shape: tuple[int, ...], seed: int) -> Factors:
    plain = lora(shape, seed)
    change = ALPHA / RANK * plain.changes["weight"](torch.zeros(shape))
    return of_weight({**plain.parts, "alpha": torch.tensor(ALPHA)}, change)


def lora_bias(shape: tuple[int, ...], seed: int) -> Factors:
    """Every second layer also has a bias of its up projection, scaled like the product."""
    scaled = lora_alpha(shape, seed)
    if seed % 200:
        return scaled
    bias = random(shape[0], seed=seed + 2)
    changes = {**scaled.changes, "bias": constant(ALPHA / RANK * bias.double())}
    return Factors({**scaled.parts, "up_bias": bias}, changes)


def lora_tucker(shape: tuple[int, ...], seed: int) -> Factors:
    ones = [1] * len(shape[2:])
    down, up = (
        random(RANK, shape[1], *ones, seed=seed),
        random(shape[0], RANK, *ones, seed=seed + 1),
    )
    core = random(RANK, RANK, *shape[2:], seed=seed + 2)
    change = torch.einsum(
        "or,rq...,qi->oi...",
        up.double().flatten(1),
        core.double(),
        down.double().flatten(1),
    )
    parts = {"down": down, "up": up, "mid": core, "alpha": torch.tensor(ALPHA)}
    return of_weight(parts, ALPHA / RANK * change)


def loha(shape: tuple[int, ...], seed: int) -> Factors:
    columns = prod(shape[1:])
    left = [random(shape[0], RANK, seed=seed + n) for n in (0, 1)]
    right = [random(RANK, columns, seed=seed + n) for n in (2, 3)]
    first, second = (a.double() @ b.double() for a, b in zip(left, right, strict=True))
    parts = {"hada_w1_a": left[0], "hada_w1_b": right[0], "hada_w2_a": left[1]}
    parts |= {"hada_w2_b": right[1], "alpha": torch.tensor(ALPHA)}
    return of_weight(parts, ALPHA / RANK * first * second)


def loha_tucker(shape: tuple[int, ...], seed: int) -> Factors:
    left = [random(RANK, shape[0], seed=seed + n) for n in (0, 1)]
    right = [random(RANK, shape[1], seed=seed + n) for n in (2, 3)]
    cores = [random(RANK, RANK, *shape[2:], seed=seed + n) for n in (4, 5)]
    first, second = (
        torch.einsum("ro,rq...,qi->oi...", a.double(), core.double(), b.double())
        for a, core, b in zip(left, cores, right, strict=True)
    )
    parts = {"hada_t1": cores[0], "hada_w1_a": left[0], "hada_w1_b": right[0]}
    parts |= {"hada_t2": cores[1], "hada_w2_a": left[1], "hada_w2_b": right[1]}
    return of_weight({**parts, "alpha": torch.tensor(ALPHA)}, ALPHA / RANK * first * second)


def lokr(
    shape: tuple[int, ...], seed: int, *, split: tuple[str, ...] = (), tucker: bool = False
) -> Factors:
    """`split` names the factors of low rank (2); with none the alpha has no meaning."""
    rank, inner = 2, (shape[0] // FACTOR, shape[1] // FACTOR, *shape[2:])
    first = random(FACTOR, FACTOR, seed=seed)
    second = random(*inner, seed=seed + 1)
    parts = {"lokr_w1": first, "lokr_w2": second, "alpha": torch.tensor(ALPHA)}
    w1, w2 = first.double(), second.double()
    if "w1" in split:
        left, right = random(FACTOR, rank, seed=seed + 2), random(rank, FACTOR, seed=seed + 3)
        del parts["lokr_w1"]
        parts |= {"lokr_w1_a": left, "lokr_w1_b": right}
        w1 = left.double() @ right.double()
    if "w2" in split:
        del parts["lokr_w2"]
        left, right = random(inner[0], rank, seed=seed + 4), random(rank, inner[1], seed=seed + 5)
        if tucker:
            left, core = left.T.contiguous(), random(rank, rank, *inner[2:], seed=seed + 6)
            parts["lokr_t2"] = core
            w2 = torch.einsum("ro,rq...,qi->oi...", left.double(), core.double(), right.double())
        else:
            right = random(rank, prod(inner[1:]), seed=seed + 5)
            w2 = (left.double() @ right.double()).reshape(inner)
        parts |= {"lokr_w2_a": left, "lokr_w2_b": right}
    scale = ALPHA / rank if split else 1.0
    return of_weight(parts, scale * kronecker(w1, w2))


def kronecker(small: Tensor, large: Tensor) -> Tensor:
    """[a, b] and [c, d, ...] -> [a·c, b·d, ...], written out block by block."""
    rows = [torch.cat([value * large for value in row], dim=1) for row in small]
    return torch.cat(rows, dim=0)


def with_magnitude(inner: Algebra, form: str) -> Algebra:
    """DoRA over another algebra: W' = m · (W + ΔW) / ‖W + ΔW‖.

    `form`: a magnitude per output as "rows" [out, 1, ...] or "vector" [out], or per input as
    "columns" [1, in, ...].
    """

    def made(shape: tuple[int, ...], seed: int) -> Factors:
        plain, ones = inner(shape, seed), [1] * len(shape[2:])
        axis = 1 if form == "columns" else 0
        size = {
            "rows": (shape[0], 1, *ones),
            "vector": (shape[0],),
            "columns": (1, shape[1], *ones),
        }
        magnitude = random(*size[form], seed=seed + 9).abs() + 0.2

        def change(base: Tensor) -> Tensor:
            whole = base.double() + plain.changes["weight"](base)
            others = [dim for dim in range(whole.ndim) if dim != axis]
            norm = whole.pow(2).sum(dim=others, keepdim=True).sqrt()
            return magnitude.double().reshape(norm.shape) * whole / norm - base

        return Factors({**plain.parts, "dora_scale": magnitude}, {"weight": change})

    return made


def lokr_split(*split: str, tucker: bool = False) -> Algebra:
    return lambda shape, seed: lokr(shape, seed, split=split, tucker=tucker)


LINEAR_ALGEBRAS: dict[str, Algebra] = {
    "LoRA": lora,
    "LoRA with alpha": lora_alpha,
    "LoRA with a bias": lora_bias,
    "DoRA, rows": with_magnitude(lora_alpha, "rows"),
    "DoRA, vector": with_magnitude(lora, "vector"),
    "DoRA, columns": with_magnitude(lora_alpha, "columns"),
    "LoKr": lokr_split(),
    "LoKr, w1 split": lokr_split("w1"),
    "LoKr, w2 split": lokr_split("w2"),
    "LoKr, both split": lokr_split("w1", "w2"),
    "LoKr with DoRA": with_magnitude(lokr_split("w2"), "rows"),
    "LoHa": loha,
    "LoHa with DoRA": with_magnitude(loha, "rows"),
}
CONVOLUTION_ALGEBRAS: dict[str, Algebra] = {
    "LoRA": lora,
    "LoRA with alpha": lora_alpha,
    "LoRA with a bias": lora_bias,
    "LoRA, Tucker": lora_tucker,
    "DoRA, rows": with_magnitude(lora_alpha, "rows"),
    "DoRA, columns": with_magnitude(lora_alpha, "columns"),
    "DoRA, Tucker": with_magnitude(lora_tucker, "rows"),
    "LoKr": lokr_split(),
    "LoKr, w1 split": lokr_split("w1"),
    "LoKr, w2 split": lokr_split("w2"),
    "LoKr, Tucker": lokr_split("w2", tucker=True),
    "LoKr, all split": lokr_split("w1", "w2", tucker=True),
    "LoHa": loha,
    "LoHa, Tucker": loha_tucker,
    "LoHa with DoRA": with_magnitude(loha_tucker, "rows"),
}
