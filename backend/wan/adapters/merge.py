"""Merging: W ← round(W0 + Σ sᵢ·ΔWᵢ), in place, always from the pristine W0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.wan.adapters.delta import WeightDelta


@dataclass(frozen=True)
class Target:
    """A parameter of one expert and the LoRAs (by index in the stack) that change it."""

    parameter: Tensor
    deltas: tuple[tuple[int, WeightDelta], ...]


class MergedExpert:
    """The merged state of one transformer.

    A host copy of every touched parameter is taken before its first change; `restore` writes
    it back, so that undo is bit-exact whatever was merged in between.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = tuple(targets)
        self._pristine: dict[int, Tensor] = {}
        self._strengths: tuple[float, ...] = ()

    def merge(self, strengths: Sequence[float]) -> None:
        """Bring the weights to these strengths (one per LoRA of the stack).

        Does nothing if they are in force. On any failure the weights are the pristine ones.
        """
        wanted = tuple(strengths)
        if wanted == self._strengths:
            return
        try:
            for index, target in enumerate(self._targets):
                self._merge_one(index, target, wanted)
        except BaseException:
            self.restore()
            raise
        self._strengths = wanted

    def restore(self) -> None:
        """Write the pristine weights back; bit-identical."""
        with torch.no_grad():
            for index, pristine in self._pristine.items():
                self._targets[index].parameter.copy_(pristine)
        self._strengths = ()

    @torch.no_grad()
    def _merge_one(self, index: int, target: Target, strengths: tuple[float, ...]) -> None:
        active = [(strengths[lora], delta) for lora, delta in target.deltas if strengths[lora]]
        pristine = self._pristine.get(index)
        if pristine is None:
            if not active:
                return
            pristine = target.parameter.detach().to("cpu", copy=True)
            self._pristine[index] = pristine
        if not active:
            target.parameter.copy_(pristine)
            return
        base = pristine.to(device=target.parameter.device, dtype=torch.float32)
        total = base.clone()
        for strength, delta in active:
            total.add_(delta.of(base), alpha=strength)
        target.parameter.copy_(total)
