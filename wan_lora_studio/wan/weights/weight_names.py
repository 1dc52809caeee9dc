"""Weight names: what other tools put before and behind the names of weights. No torch here."""

from __future__ import annotations

from collections.abc import Iterable

PREFIXES = ("model.diffusion_model.", "diffusion_model.")
SCALES = (".scale_weight", ".weight_scale")  # of the weight of the same layer


def prefix_of(names: Iterable[str]) -> str:
    """What stands before all of the names; "" where nothing known does."""
    found = list(names)
    return next((p for p in PREFIXES if all(name.startswith(p) for name in found)), "")
