"""Shapes of one layer's parts, and what they say: algebra, rank, weight shape, missing halves.

Formulas (LyCORIS and peft): LoRA `up @ down`; LoHa `(w1_a @ w1_b) * (w2_a @ w2_b)`; LoKr
`kron(w1, w2)`, each factor full or `a @ b`; tucker variants have a core tensor besides.
Convolutions are compared with their input and kernel sizes multiplied together.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Literal

from wan_lora_studio.texts import say

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Algebra = Literal["lora", "lokr", "loha", "dora", "diff"]


def algebras(shapes: Shapes) -> set[Algebra]:
    """The algebras that one layer's parts belong to."""
    found: set[Algebra] = set()
    for part in shapes:
        if part.startswith("lora_"):
            found.add("lora")
        elif part.startswith("lokr_"):
            found.add("lokr")
        elif part.startswith("hada_"):
            found.add("loha")
        elif part == "dora_scale":
            found.add("dora")
        elif part in ("diff", "diff_b"):
            found.add("diff")
    return found


def rank_of(shapes: Shapes) -> int | None:
    """The rank of the layer's decomposition; None for full matrices and diffs."""
    for part in ("lora_down", "hada_w1_b", "lokr_w2_b", "lokr_w1_b"):
        if shapes.get(part):
            return shapes[part][0]
    return None


def missing_half(shapes: Shapes) -> str | None:
    """What the layer lacks to be complete, in words; None if it is complete."""
    kinds = algebras(shapes)
    several = kinds & {"lora", "lokr", "loha"}
    if len(several) > 1:
        return say("lora.inspection.shapes.several", kinds=", ".join(sorted(several)))
    if "dora" in kinds and not several:
        return say("lora.inspection.shapes.dora_alone")
    if "lora" in kinds:
        return _missing_in_lora(shapes)
    if "loha" in kinds:
        return _missing_in_loha(shapes)
    return _missing_in_lokr(shapes) if "lokr" in kinds else None


def _missing_in_lora(shapes: Shapes) -> str | None:
    halves = [part for part in ("lora_down", "lora_up") if part in shapes]
    if len(halves) == 2:
        return None
    if not halves:
        return say("lora.inspection.shapes.no_factors")
    other = "lora_up" if halves == ["lora_down"] else "lora_down"
    return say("lora.inspection.shapes.one_factor", part=halves[0], missing=other)


def _missing_in_loha(shapes: Shapes) -> str | None:
    missing = {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"} - shapes.keys()
    if missing:
        return say("lora.inspection.shapes.loha_without", parts=", ".join(sorted(missing)))
    one = ("hada_t1" in shapes) != ("hada_t2" in shapes)
    return say("lora.inspection.shapes.loha_core") if one else None


def _missing_in_lokr(shapes: Shapes) -> str | None:
    for factor in ("lokr_w1", "lokr_w2"):
        halves = {f"{factor}_a", f"{factor}_b"} & shapes.keys()
        if factor not in shapes and len(halves) < 2:
            if halves:
                return say("lora.inspection.shapes.lokr_half", part=halves.pop())
            return say("lora.inspection.shapes.lokr_without", part=factor)
        if factor in shapes and halves:
            return say("lora.inspection.shapes.lokr_both", part=factor)
    if "lokr_t2" in shapes and "lokr_w2_a" not in shapes:
        return say("lora.inspection.shapes.lokr_core")
    return None


def matrix(shapes: Shapes) -> tuple[int, int] | str | None:
    """(rows, columns) that the parts multiply out to, columns with the kernel folded in.

    A string says why they cannot be multiplied; None if the layer has only diffs.
    The layer must be complete (`missing_half` is None).
    """
    if "lora_down" in shapes:
        return _lora(shapes)
    if "hada_w1_a" in shapes:
        return _loha(shapes)
    if "lokr_w1" in shapes or "lokr_w1_a" in shapes:
        return _lokr(shapes)
    return None


def shape_flaw(shapes: Shapes) -> str | None:
    """Why the parts fit no layer at all: a half is missing, or they do not multiply."""
    missing = missing_half(shapes)
    product = None if missing else matrix(shapes)
    return product if isinstance(product, str) else missing


def _lora(shapes: Shapes) -> tuple[int, int] | str:
    down, up, mid = shapes["lora_down"], shapes["lora_up"], shapes.get("lora_mid")
    if len(down) < 2 or len(up) < 2:
        return say("lora.inspection.shapes.no_matrices", down=_text(down), up=_text(up))
    inner = prod(up[1:])
    if mid is not None:
        if len(mid) < 3 or mid[0] != inner or mid[1] != down[0]:
            return say(
                "lora.inspection.shapes.core", core=_text(mid), down=_text(down), up=_text(up)
            )
        return up[0], prod(down[1:]) * prod(mid[2:])
    if inner != down[0]:
        return say("lora.inspection.shapes.ranks", down=_text(down), up=_text(up))
    return up[0], prod(down[1:])


def _loha(shapes: Shapes) -> tuple[int, int] | str:
    sides = []
    for n in ("1", "2"):
        a, b = shapes[f"hada_w{n}_a"], shapes[f"hada_w{n}_b"]
        side = _product(a, b, shapes.get(f"hada_t{n}"))
        if side is None:
            return say("lora.inspection.shapes.loha_product", n=n, a=_text(a), b=_text(b))
        sides.append(side)
    if sides[0] != sides[1]:
        return say(
            "lora.inspection.shapes.loha_products", one=_text(sides[0]), other=_text(sides[1])
        )
    return sides[0]


def _lokr(shapes: Shapes) -> tuple[int, int] | str:
    sides = []
    for n in ("1", "2"):
        full = shapes.get(f"lokr_w{n}")
        if full is not None:
            side = (full[0], prod(full[1:])) if len(full) >= 2 else None
        else:
            core = shapes.get("lokr_t2") if n == "2" else None
            side = _product(shapes[f"lokr_w{n}_a"], shapes[f"lokr_w{n}_b"], core)
        if side is None:
            return say("lora.inspection.shapes.lokr_product", n=n)
        sides.append(side)
    return sides[0][0] * sides[1][0], sides[0][1] * sides[1][1]


def _product(a: Shape, b: Shape, core: Shape | None) -> tuple[int, int] | None:
    if len(a) < 2 or len(b) < 2:
        return None
    if core is None:
        return (a[0], prod(b[1:])) if prod(a[1:]) == b[0] else None
    # Tucker: core [i, j, kernel...], a [i, rows], b [j, columns].
    if len(core) < 3 or a[0] != core[0] or b[0] != core[1]:
        return None
    return a[1], b[1] * prod(core[2:])


def mismatch(shapes: Shapes, weight: Shape | None, bias: Shape | None) -> str | None:
    """Why the parts do not fit a layer with these parameters; None if they fit.

    `weight` is None for a layer without weight, `bias` for one without bias.
    """
    broken = shape_flaw(shapes)
    if broken:
        return broken
    found = matrix(shapes)
    if isinstance(found, tuple) and weight is None:
        return say("lora.inspection.shapes.no_weight")
    if isinstance(found, tuple) and weight is not None:
        wanted = (weight[0], prod(weight[1:]))
        if len(weight) < 2 or found != wanted:
            return say("lora.inspection.shapes.made_for", shape=_text(found), own=_text(weight))
    return _vector_mismatch(shapes, weight, bias)


def _vector_mismatch(shapes: Shapes, weight: Shape | None, bias: Shape | None) -> str | None:
    for part, target in (("diff", weight), ("diff_b", bias)):
        # Vectors travel as [n], [1, n] or [1, n, 1...] between trainers.
        if part in shapes and (target is None or _long(shapes[part]) != _long(target)):
            if target is None:
                return say(
                    "lora.inspection.shapes.no_parameter", part=part, shape=_text(shapes[part])
                )
            return say(
                "lora.inspection.shapes.part",
                part=part,
                shape=_text(shapes[part]),
                own=_text(target),
            )
    rows = weight[0] if weight else 0
    columns = prod(weight[1:]) if weight else 0
    if "lora_up_bias" in shapes and prod(shapes["lora_up_bias"]) != rows:
        return say("lora.inspection.shapes.bias", shape=_text(shapes["lora_up_bias"]), outputs=rows)
    inputs = weight[1] if weight and len(weight) > 1 else columns
    if "dora_scale" in shapes and prod(shapes["dora_scale"]) not in (rows, inputs):
        return say("lora.inspection.shapes.dora", shape=_text(shapes["dora_scale"]), outputs=rows)
    if "alpha" in shapes and prod(shapes["alpha"]) != 1:
        return say("lora.inspection.shapes.alpha", shape=_text(shapes["alpha"]))
    return None


def _long(shape: Shape) -> Shape:
    """The axes longer than 1."""
    return tuple(size for size in shape if size != 1)


def _text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) if shape else say("lora.inspection.shapes.one_number")
