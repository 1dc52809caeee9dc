"""Plan: which change of which LoRA goes to which parameter of one transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wan_lora_studio.wan.adapters.delta import WeightDelta


@dataclass(frozen=True)
class Effect:
    """The change that one LoRA of the stack (by index) makes to one parameter.

    Effects of equal `source` on the same parameter are the same change.
    """

    lora: int
    source: str
    delta: WeightDelta


Plan = Mapping[str, tuple[Effect, ...]]  # parameter path -> effects, in the stack's order
Form = tuple[tuple[str, float], ...]  # what is in force on a parameter: (source, strength)


def form_of(effects: Sequence[Effect], strengths: Sequence[float]) -> Form:
    """What the effects come to at these strengths (one per LoRA of the stack)."""
    return tuple((e.source, strengths[e.lora]) for e in effects if strengths[e.lora])
