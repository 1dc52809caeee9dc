"""Offload: where a model's weights wait until they are used.

One rule for the page's estimate, the worker's forecast and the loading itself; no torch here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Offload = Literal["none", "model", "group"]
ACTIVATION_SHARE = 0.8  # of a device's memory for weights: the rest is for what is computed


def offload_for(setting: str, *, cuda: bool, weights: Mapping[str, int], total: int) -> Offload:
    """Which weights stay on the host until they are needed: none, those of the parts that are not
    in use (model), or those of all but the blocks that are computing (group).

    `setting` is the settings' `offload`; `weights`, by component, and the GPU's `total` memory
    are in bytes.
    """
    if not cuda or setting == "none":
        return "none"
    if setting in ("model", "group"):
        return "model" if setting == "model" else "group"
    room = ACTIVATION_SHARE * total
    if sum(weights.values()) <= room:
        return "none"
    return "model" if max(weights.values(), default=0) <= room else "group"
