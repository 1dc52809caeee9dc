"""Muon for weight matrices and convolutions, AdamW for all other parameters.

Muon (Jordan et al., 2024) makes each matrix's update orthogonal with a Newton-Schulz
iteration. In a budget of a few thousand steps it reaches a given loss in well under half
of AdamW's time on these models.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

ADAM_SHARE = 0.15  # AdamW's learning rate relative to Muon's


def orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrix [rows, columns], approximately."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised per matrix; kernels count as [out, rest]."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], rate: float, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": rate, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(momentum, group["momentum"])
                update = orthogonal(update.flatten(1))
                scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.view_as(parameter), alpha=-group["lr"] * scale)


class Optimizers:
    """Muon and AdamW over one model, with one learning rate for both."""

    def __init__(
        self, matrices: list[nn.Parameter], others: list[nn.Parameter], rate: float
    ) -> None:
        self.rate = rate
        self.muon = Muon(matrices, rate) if matrices else None
        self.adam = torch.optim.AdamW(
            others, lr=rate * ADAM_SHARE, betas=(0.9, 0.98), weight_decay=0.0
        )

    def step(self, pace: float) -> None:
        """One update at `pace` times the full learning rate, then forget the gradients."""
        if self.muon:
            for group in self.muon.param_groups:
                group["lr"] = self.rate * pace
            self.muon.step()
            self.muon.zero_grad()
        for group in self.adam.param_groups:
            group["lr"] = self.rate * ADAM_SHARE * pace
        self.adam.step()
        self.adam.zero_grad()


def optimizers(module: nn.Module, rate: float, by_adam: tuple[str, ...] = ()) -> Optimizers:
    """Split the module's trainable parameters; names containing one of `by_adam` go to AdamW."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        matrix = parameter.ndim >= 2 and min(parameter.flatten(1).shape) > 3
        fits = matrix and not any(part in name for part in by_adam)
        (matrices if fits else others).append(parameter)
    return Optimizers(matrices, others, rate)
