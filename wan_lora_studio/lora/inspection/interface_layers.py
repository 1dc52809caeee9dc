"""Interface layers, at a model's edges: their size depends on what the model is made for.

A LoRA of an image-to-video model has a patch embedding for 36 channels, and is otherwise one for
the text-to-video model of the same width too. Such a layer is left out and named; a layer that
does not fit in any other way is one of another model.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType

from wan_lora_studio.lora.inspection.shapes import Shape, Shapes, matrix, mismatch, shape_flaw
from wan_lora_studio.texts import say

_IMAGE = "condition_embedder.image_embedder"
# Layer → whether the number of its outputs, and of its inputs, depends on the task.
FREE: Mapping[str, tuple[bool, bool]] = MappingProxyType(
    {
        "patch_embedding": (False, True),
        "vace_patch_embedding": (False, True),
        "proj_out": (True, False),
        f"{_IMAGE}.norm1": (True, True),
        f"{_IMAGE}.ff.net.0.proj": (True, True),
        f"{_IMAGE}.ff.net.2": (False, True),
        f"{_IMAGE}.pos_embed": (True, True),
    }
)


def other_task(module: str, shapes: Shapes, weight: Shape | None, bias: Shape | None) -> str | None:
    """Why the parts are for another task's layer, as a reason to leave them out; None if they fit
    this one or are of another model. `weight` and `bias` are the model's own."""
    free = FREE.get(module)
    if free is None or weight is None or shape_flaw(shapes) or not mismatch(shapes, weight, bias):
        return None
    rows, columns = _made_for(shapes)
    kernel = prod(weight[2:])
    fit = (
        all(free[0] or row == weight[0] for row in rows),
        all(column == prod(weight[1:]) or (free[1] and column % kernel == 0) for column in columns),
        _kernel_of(shapes) in (None, weight[2:]),
    )
    # One layer has one size; what is left to differ must be what the task decides.
    if not all(fit) or len(rows) > 1 or len(columns) > 1:
        return None
    if rows <= {weight[0]} and columns <= {prod(weight[1:])}:
        return None
    if module.endswith("patch_embedding"):
        made, there = (count // kernel for count in (*columns, prod(weight[1:])))
        return say("lora.inspection.fit.channels", layer=module, made_for=made, own=there)
    made_for = "×".join(map(str, (*rows, *columns)))
    own = "×".join(map(str, weight))
    return say("lora.inspection.fit.size", layer=module, made_for=made_for, own=own)


def _made_for(shapes: Shapes) -> tuple[set[int], set[int]]:
    """Every number of rows and of columns that the parts say the layer has."""
    rows, columns = set(), set()
    product = matrix(shapes)
    if isinstance(product, tuple):
        rows.add(product[0])
        columns.add(product[1])
    change = shapes.get("diff")
    if change is not None:
        rows.add(change[0] if len(change) > 1 else prod(change))
        columns.update({prod(change[1:])} if len(change) > 1 else ())
    rows.update(prod(shapes[part]) for part in ("diff_b", "lora_up_bias") if part in shapes)
    return rows, columns


def _kernel_of(shapes: Shapes) -> Shape | None:
    """The kernel of a convolution that is not flattened."""
    whole = [shapes[part] for part in ("diff", "lora_down") if len(shapes.get(part, ())) > 2]
    if "lora_mid" in shapes:
        return shapes["lora_mid"][2:]
    return whole[0][2:] if whole else None
