"""One layer of a LoRA file: its factors become changes of the model's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from backend.errors import UnsupportedLoRAError
from backend.wan.adapters.delta import WeightDelta
from backend.wan.adapters.diff import DiffDelta
from backend.wan.adapters.dora import DoRADelta
from backend.wan.adapters.loha import LoHaDelta
from backend.wan.adapters.lokr import LoKrDelta
from backend.wan.adapters.lora import LoRABiasDelta, LoRADelta

Shapes = Mapping[str, tuple[int, ...]]

# A layer's product algebra is told by the prefix of its factors' names.
PRODUCTS = (("lora_", LoRADelta), ("lokr_", LoKrDelta), ("hada_", LoHaDelta))


@dataclass(frozen=True)
class Layer:
    """The factors of one module, by canonical part name, with the file's keys for them."""

    module: str
    parts: Mapping[str, Tensor]
    keys: Mapping[str, str]  # part -> key in the file


@dataclass(frozen=True)
class Change:
    """A change of one parameter of the transformer."""

    parameter: str
    delta: WeightDelta


@dataclass(frozen=True)
class LayerReading:
    """What a layer changes in this model, and which of its keys the model has no place for."""

    changes: tuple[Change, ...]
    ignored: Mapping[str, str]


def read_layer(layer: Layer, shapes: Shapes) -> LayerReading:
    """Resolve a layer against the model's parameters (`shapes`: parameter path -> shape).

    Raises LoRAFileError (broken factors), IncompatibleLoRAError (wrong shape) or
    UnsupportedLoRAError (two algebras in one layer); nothing is computed yet.
    """
    weight = f"{layer.module}.weight"
    if layer.module in shapes:
        weight = layer.module  # A bare parameter such as scale_shift_table.
    bias = f"{layer.module}.bias"
    used = _used(layer)
    ignored = {
        layer.keys[part]: "alpha or magnitude without factors"
        for part in layer.parts
        if part not in used
    }
    changes = []
    for parameter, part, delta in _deltas(layer, weight, bias, shapes):
        if delta is None:
            ignored[layer.keys[part]] = f"this model has no {parameter}"
        else:
            changes.append(Change(parameter, delta))
    return LayerReading(tuple(changes), ignored)


def _deltas(
    layer: Layer, weight: str, bias: str, shapes: Shapes
) -> Iterator[tuple[str, str, WeightDelta | None]]:
    """(parameter, one of the parts, delta); delta None when the model lacks the parameter."""
    parts, place = layer.parts, layer.module
    product = _product_algebra(layer)
    if product is not None:
        prefix, algebra = product
        for part in parts:
            if weight not in shapes and part.startswith((prefix, "alpha", "dora_scale")):
                yield weight, part, None
        if weight in shapes:
            delta: WeightDelta = algebra.read(parts, shapes[weight], place)
            if "dora_scale" in parts:
                delta = DoRADelta.read(parts, delta, shapes[weight], place)
            yield weight, "", delta
    if "lora_up_bias" in parts:
        fits = bias in shapes
        yield (
            bias,
            "lora_up_bias",
            LoRABiasDelta.read(parts, shapes[bias], place) if fits else None,
        )
    for part, parameter in (("diff", weight), ("diff_b", bias)):
        if part in parts:
            shape = shapes.get(parameter)
            yield (
                parameter,
                part,
                None if shape is None else DiffDelta.read(parts, part, shape, place),
            )


def _product_algebra(
    layer: Layer,
) -> tuple[str, type[LoRADelta] | type[LoKrDelta] | type[LoHaDelta]] | None:
    found = [
        (prefix, algebra)
        for prefix, algebra in PRODUCTS
        if any(part.startswith(prefix) and part != "lora_up_bias" for part in layer.parts)
    ]
    if len(found) > 1:
        names = " and ".join(prefix.rstrip("_") for prefix, _ in found)
        raise UnsupportedLoRAError(
            f"{layer.module}: the file has {names} factors for the same layer.",
            context={"layer": layer.module},
        )
    return found[0] if found else None


def _used(layer: Layer) -> frozenset[str]:
    """The parts that take effect; alpha and magnitudes need a product to belong to."""
    if _product_algebra(layer) is not None:
        return frozenset(layer.parts)
    return frozenset(part for part in layer.parts if part not in ("alpha", "dora_scale"))
