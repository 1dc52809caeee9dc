"""The layers a file changes, stored once per kind of layer rather than once per block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backend.lora.key_forms import MARK, KeyForm
from backend.lora.selection import Expert
from backend.lora.shapes import Shape


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


def group_layers(forms: Iterable[KeyForm], shapes: Mapping[str, Shape]) -> tuple[LayerGroup, ...]:
    """Gather the parts of each layer, and layers that differ only in the block number.

    `shapes` has the shape of every key of the forms.
    """
    layers: dict[tuple[str, Expert | None], _Blocks] = {}
    for form in forms:
        blocks = layers.setdefault((form.module, form.expert), defaultdict(list))
        parts: dict[Shape, LayerPart] = {}
        for number, key in form.keys.items():
            shape = shapes[key]
            part = parts.get(shape)
            if part is None:
                part = parts[shape] = LayerPart(form.part, form.template, shape)
            blocks[number].append(part)
    return tuple(
        LayerGroup(module, expert, numbers, parts)
        for (module, expert), blocks in layers.items()
        for numbers, parts in _alike(blocks)
    )


_Blocks = defaultdict[str, list[LayerPart]]  # by block number, "" outside the blocks


def _alike(blocks: _Blocks) -> Iterator[tuple[tuple[int, ...], tuple[LayerPart, ...]]]:
    """The blocks whose layers have the same parts, with these."""
    same: dict[tuple[int, ...], list[str]] = {}
    for number, parts in blocks.items():
        # A form has one object for all its parts of one shape, so objects can be compared.
        same.setdefault(tuple(map(id, parts)), []).append(number)
    for numbers in same.values():
        yield tuple(sorted(map(int, filter(None, numbers)))), tuple(blocks[numbers[0]])
