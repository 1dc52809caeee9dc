"""Which family of Wan models a file was made for: told by the hidden size of its layers.

The families differ in it, and layers of different sizes are not interchangeable.
"""

from __future__ import annotations

from collections.abc import Iterable

from wan_lora_studio.lora.inspection.layers import LayerGroup
from wan_lora_studio.lora.inspection.shapes import flaw, matrix

FAMILIES = {5120: "wan-14B", 3072: "wan2.2-5B", 1536: "wan2.1-1.3B"}

# Ends of layer names, by where the hidden size is in the layer's weight [out, in].
READERS = (
    "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn2.to_q", "ffn.net.0.proj", "time_proj",
    "proj_out",
)  # fmt: skip
WRITERS = (
    "attn1.to_out.0", "attn2.to_out.0", "attn2.to_k", "attn2.to_v", "add_k_proj", "add_v_proj",
    "ffn.net.2", "image_embedder.ff.net.2", "patch_embedding", "linear_1", "linear_2",
)  # fmt: skip
VECTORS = ("norm2", "norm_q", "norm_k", "norm_added_k", "scale_shift_table")


def family_of(width: int | None) -> str:
    """The family of models with this hidden size, in a word; "unknown" without one."""
    return FAMILIES.get(width, f"width {width}") if width else "unknown"


def hidden_size(layers: Iterable[LayerGroup]) -> int | None:
    """The hidden size of the model, from the first layer that tells it; None if none does."""
    return next(filter(None, map(_size_from, layers)), None)


def _size_from(layer: LayerGroup) -> int | None:
    shapes = layer.shapes
    if layer.module.endswith(VECTORS):
        return shapes["diff"][-1] if shapes.get("diff") else None
    axis = 1 if layer.module.endswith(READERS) else 0
    if not layer.module.endswith(READERS + WRITERS) or flaw(shapes):
        return None
    product = matrix(shapes)
    if isinstance(product, tuple):
        return product[axis]
    if len(shapes.get("diff", ())) > axis:
        return shapes["diff"][axis]
    return shapes["diff_b"][0] if axis == 0 and shapes.get("diff_b") else None
