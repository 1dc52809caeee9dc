"""Fused layers: splitting one layer of several projections (`to_qkv`) into them.

The projections' weights lie one above the other, so a change of the fused weight is split by its
rows: ΔW = up @ down gives each projection its rows of `up` and all of `down`. That is exact for
every algebra whose rows are computed each on their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from wan_lora_studio.lora.inspection.shapes import Shape, Shapes, shape_flaw
from wan_lora_studio.texts import say

_PARTS_IN_ROWS = ("lora_up", "diff")
_VECTORS = ("lora_up_bias", "diff_b")


def row_axes(shapes: Shapes, count: int) -> Mapping[str, int] | str:
    """part → the axis along which it is cut into `count` equal pieces; other parts are shared.

    A string says why the layer cannot be split.
    """
    if shape_flaw(shapes):
        return say("lora.inspection.fused.parts")
    axes = {part: 0 for part in _PARTS_IN_ROWS if part in shapes}
    axes |= {part: _long_axis(shapes[part]) for part in _VECTORS if part in shapes}
    if "dora_scale" in shapes:
        if shapes["dora_scale"][:1] != (prod(shapes["dora_scale"]),):
            return say("lora.inspection.fused.magnitudes")
        axes["dora_scale"] = 0
    for half in ("hada_w1_a", "hada_w2_a"):
        if half in shapes:
            axes[half] = 1 if half.replace("w", "t").removesuffix("_a") in shapes else 0
    if "lokr_w1" in shapes or "lokr_w1_a" in shapes:
        axes |= _kronecker_axes(shapes, count)
    uneven = [part for part, axis in axes.items() if shapes[part][axis] % count]
    if uneven:
        return say("lora.inspection.fused.uneven", part=uneven[0], pieces=count)
    return axes


def _kronecker_axes(shapes: Shapes, count: int) -> dict[str, int]:
    """Rows of w1 ⊗ w2 that follow one another have one row of w1, if that has several."""
    first = "lokr_w1" if "lokr_w1" in shapes else "lokr_w1_a"
    if shapes[first][0] != 1:
        return {first: 0}
    second = "lokr_w2" if "lokr_w2" in shapes else "lokr_w2_a"
    return {second: 1 if "lokr_t2" in shapes else 0}


def _long_axis(shape: Shape) -> int:
    return next((axis for axis, size in enumerate(shape) if size != 1), 0)


def piece(shape: Shape, axis: int | None, count: int) -> Shape:
    """The shape of one piece; a part without an axis is shared as it is."""
    if axis is None:
        return shape
    return (*shape[:axis], shape[axis] // count, *shape[axis + 1 :])
