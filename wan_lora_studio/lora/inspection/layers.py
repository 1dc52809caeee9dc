"""Layers that a file changes, stored once per kind of layer rather than once per block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wan_lora_studio.lora.inspection.fused_layers import piece, row_axes
from wan_lora_studio.lora.inspection.keys import MARK, KeyForm
from wan_lora_studio.lora.inspection.layer_names import fused_into
from wan_lora_studio.lora.inspection.shapes import Shape, shape_flaw
from wan_lora_studio.lora.roles import Expert


@dataclass(frozen=True)
class LayerPart:
    """One tensor of a layer: canonical part, key with `{n}` for the block, shape."""

    part: str
    key: str
    shape: Shape


@dataclass(frozen=True)
class LayerGroup:
    """Layers of the same name and shapes. `module` has `{n}` for the block number;
    `blocks` is empty for a layer outside the blocks."""

    module: str
    expert: Expert | None
    blocks: tuple[int, ...]
    parts: tuple[LayerPart, ...]

    @property
    def shapes(self) -> dict[str, Shape]:
        return {part.part: part.shape for part in self.parts}

    @property
    def count(self) -> int:
        return len(self.blocks) or 1

    def modules(self) -> Iterator[tuple[str, int | None]]:
        """Each layer's path with its block number."""
        if not self.blocks:
            yield self.module, None
        for number in self.blocks:
            yield self.module.replace(MARK, str(number), 1), number

    def keys(self, number: int | None) -> Iterator[str]:
        """The keys of the layer in that block."""
        for part in self.parts:
            yield part.key if number is None else part.key.replace(MARK, str(number), 1)

    def to_plain(self) -> list[Any]:
        parts = [[part.part, part.key, list(part.shape)] for part in self.parts]
        return [self.module, self.expert, list(self.blocks), parts]

    @classmethod
    def from_plain(cls, value: list[Any]) -> LayerGroup:
        module, expert, blocks, parts = value
        found = tuple(LayerPart(part, key, tuple(shape)) for part, key, shape in parts)
        return cls(module, expert, tuple(blocks), found)


def split_fused(group: LayerGroup) -> tuple[LayerGroup, ...] | str:
    """The layers that a fused one stands for, each with its piece of the parts; the group itself
    if it is not fused. A string says why it cannot be split."""
    modules = fused_into(group.module)
    if not modules or shape_flaw(group.shapes):
        return (group,)
    axes = row_axes(group.shapes, len(modules))
    if isinstance(axes, str):
        return axes
    parts = tuple(
        replace(part, shape=piece(part.shape, axes.get(part.part), len(modules)))
        for part in group.parts
    )
    return tuple(replace(group, module=module, parts=parts) for module in modules)


def group_layers(forms: Iterable[KeyForm], shapes: Mapping[str, Shape]) -> tuple[LayerGroup, ...]:
    """Gather the parts of each layer, and layers that differ only in the block number.

    `shapes` has the shape of every key of the forms.
    """
    layers: defaultdict[tuple[str, Expert | None], list[KeyForm]] = defaultdict(list)
    for form in forms:
        layers[form.module, form.expert].append(form)
    return tuple(
        LayerGroup(module, expert, tuple(sorted(map(int, filter(None, numbers)))), tuple(parts))
        for (module, expert), found in layers.items()
        for numbers, parts in _alike_everywhere(found, shapes) or _alike(found, shapes)
    )


# Block numbers ("" outside the blocks) and the parts that a layer has in each of them.
_Group = tuple[Iterable[str], list[LayerPart]]


def _alike_everywhere(forms: list[KeyForm], shapes: Mapping[str, Shape]) -> list[_Group]:
    """One group of all blocks, as in most files; none if the blocks differ."""
    numbers = forms[0].keys.keys()
    parts = []
    for form in forms:
        found = {*map(shapes.__getitem__, form.keys.values())}
        if len(found) > 1 or form.keys.keys() != numbers:
            return []
        parts.append(LayerPart(form.part, form.template, *found))
    return [(numbers, parts)]


def _alike(forms: list[KeyForm], shapes: Mapping[str, Shape]) -> list[_Group]:
    """Groups of blocks whose layers have the same parts."""
    blocks: defaultdict[str, list[LayerPart]] = defaultdict(list)
    for form in forms:
        for number, key in form.keys.items():
            blocks[number].append(LayerPart(form.part, form.template, shapes[key]))
    groups: defaultdict[tuple[LayerPart, ...], list[str]] = defaultdict(list)
    for number, parts in blocks.items():
        groups[tuple(parts)].append(number)
    return [(numbers, list(parts)) for parts, numbers in groups.items()]
