"""Offload: where a model's weights wait until they are used.

One rule for the page's estimate, the worker's forecast and the loading itself; no torch here.
"""

from __future__ import annotations

ACTIVATION_SHARE = 0.8  # of a device's memory for weights: the rest is for what is computed


def is_offloaded(setting: str, *, cuda: bool, weights: int, total: int) -> bool:
    """Whether a model's parts wait on the host and are moved to the GPU on use.

    `setting` is the settings' `offload`; `weights` and the GPU's `total` memory are in bytes.
    """
    too_large = weights > ACTIVATION_SHARE * total
    return cuda and (setting == "model" or (setting == "auto" and too_large))
