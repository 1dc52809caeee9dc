"""Layer of a LoRA file: its factors become changes of the model's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from wan_lora_studio.errors import LoRAFileError, UnsupportedLoRAError
from wan_lora_studio.lora.inspection import (
    another_models_layer,
    fused_into,
    other_task,
    row_axes,
    shape_flaw,
)
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.delta import WeightDelta
from wan_lora_studio.wan.adapters.diff import DiffDelta
from wan_lora_studio.wan.adapters.dora import DoRADelta
from wan_lora_studio.wan.adapters.loha import LoHaDelta
from wan_lora_studio.wan.adapters.lokr import LoKrDelta
from wan_lora_studio.wan.adapters.lora import LoRABiasDelta, LoRADelta

Shapes = Mapping[str, tuple[int, ...]]

ProductAlgebra = type[LoRADelta] | type[LoKrDelta] | type[LoHaDelta]

# A layer's product algebra is told by the names of its factors.
PRODUCTS: tuple[tuple[frozenset[str], ProductAlgebra], ...] = (
    (frozenset({"lora_down", "lora_up", "lora_mid"}), LoRADelta),
    (
        frozenset({"lokr_w1", "lokr_w1_a", "lokr_w1_b"})
        | {"lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"},
        LoKrDelta,
    ),
    (
        frozenset({"hada_w1_a", "hada_w1_b", "hada_t1", "hada_w2_a", "hada_w2_b", "hada_t2"}),
        LoHaDelta,
    ),
)
SCALES = ("alpha", "rank", "scale", "dora_scale")  # These take effect only with a product.


@dataclass(frozen=True)
class Layer:
    """The factors of one module, by canonical part name, with the file's keys for them."""

    module: str
    parts: Mapping[str, Tensor]
    keys: Mapping[str, str]  # part -> key in the file

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each part."""
        return {part: tuple(factor.shape) for part, factor in self.parts.items()}


def split_fused(layer: Layer) -> Iterator[Layer]:
    """The projections that a fused layer stands for, each with its rows; else the layer itself.

    Raises LoRAFileError for a broken fused layer, UnsupportedLoRAError for one that cannot be
    split.
    """
    modules = fused_into(layer.module)
    shapes = layer.shapes
    if not modules:
        yield layer
        return
    if broken := shape_flaw(shapes):
        raise LoRAFileError(f"{layer.module}: {broken}.", context={"layer": layer.module})
    axes = row_axes(shapes, len(modules))
    if isinstance(axes, str):
        raise UnsupportedLoRAError(
            say("wan.adapters.file.fused", layer=layer.module, problem=axes),
            context={"layer": layer.module},
        )
    for index, module in enumerate(modules):
        parts = dict(layer.parts)
        for part, axis in axes.items():
            parts[part] = parts[part].chunk(len(modules), axis)[index]
        yield Layer(module, parts, layer.keys)


@dataclass(frozen=True)
class Change:
    """A change of one parameter of the transformer."""

    parameter: str
    delta: WeightDelta


@dataclass(frozen=True)
class LayerReading:
    """What a layer changes in this model, and which of its keys the model has no place for.

    `misfit` says why all of it is left out although the model has such a layer.
    """

    changes: tuple[Change, ...]
    ignored: Mapping[str, str]
    misfit: str | None = None


def read_layer(layer: Layer, shapes: Shapes) -> LayerReading:
    """Resolve a layer against the model's parameters (`shapes`: parameter path -> shape).

    Raises LoRAFileError (broken factors), IncompatibleLoRAError (wrong shape) or
    UnsupportedLoRAError (two algebras in one layer); nothing is computed yet.
    """
    weight = f"{layer.module}.weight"
    if layer.module in shapes:
        weight = layer.module  # A bare parameter such as scale_shift_table.
    bias = f"{layer.module}.bias"
    misfit = other_task(layer.module, layer.shapes, shapes.get(weight), shapes.get(bias))
    if misfit is not None:
        return LayerReading((), dict.fromkeys(layer.keys.values(), misfit), misfit)
    algebra = _product_algebra(layer)
    ignored = {}
    if algebra is None:
        ignored = {
            layer.keys[part]: say("wan.adapters.no_factors")
            for part in SCALES
            if part in layer.parts
        }
    changes = []
    for parameter, part, delta in _deltas(layer, algebra, weight, bias, shapes):
        if delta is None:
            why = another_models_layer(layer.module) or say(
                "wan.adapters.no_parameter", parameter=parameter
            )
            ignored[layer.keys[part]] = why
        else:
            changes.append(Change(parameter, delta))
    return LayerReading(tuple(changes), ignored)


def _deltas(
    layer: Layer, algebra: ProductAlgebra | None, weight: str, bias: str, shapes: Shapes
) -> Iterator[tuple[str, str, WeightDelta | None]]:
    """(parameter, one of the parts, delta); delta None when the model lacks the parameter."""
    parts, place = layer.parts, layer.module
    if algebra is not None and weight in shapes:
        delta: WeightDelta = algebra.read(parts, shapes[weight], place)
        if "dora_scale" in parts:
            delta = DoRADelta.read(parts, delta, shapes[weight], place)
        yield weight, "", delta
    elif algebra is not None:
        for part in parts:
            if part not in ("lora_up_bias", "diff", "diff_b"):
                yield weight, part, None
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


def _product_algebra(layer: Layer) -> ProductAlgebra | None:
    found = [(names, algebra) for names, algebra in PRODUCTS if not names.isdisjoint(layer.parts)]
    if len(found) > 1:
        several = ", ".join(min(names).partition("_")[0] for names, _ in found)
        raise UnsupportedLoRAError(
            say("wan.adapters.file.two_algebras", layer=layer.module, kinds=several),
            context={"layer": layer.module},
        )
    return found[0][1] if found else None
