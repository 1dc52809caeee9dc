"""Which attribute combinations are trained on, and which are kept for the evaluation."""

from __future__ import annotations

import torch
from torch import Tensor

from demo.world import BACKGROUNDS, COLOURS, DIRECTIONS, SHAPES

HELD_OUT = 96
ATTRIBUTES = ("colour", "shape", "direction", "background")
COUNTS = (len(COLOURS), len(SHAPES), len(DIRECTIONS), len(BACKGROUNDS))


def combinations() -> tuple[Tensor, Tensor]:
    """(training [N, 4], held out [96, 4]) attribute combinations, the same everywhere."""
    every = torch.cartesian_prod(*(torch.arange(count) for count in COUNTS))
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(2022))
    return every[order[HELD_OUT:]], every[order[:HELD_OUT]]


def draw(count: int, rng: torch.Generator) -> Tensor:
    """Training combinations [count, 4], drawn with replacement."""
    training, _ = combinations()
    return training[torch.randint(len(training), (count,), generator=rng)]
