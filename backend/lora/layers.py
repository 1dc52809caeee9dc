"""The layers a file changes, stored once per kind of layer rather than once per block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backend.lora.dialects import MappedKey
from backend.lora.header import TensorEntry
from backend.lora.selection import Expert
from backend.lora.shapes import Shape

_MARK = "{n}"


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
            yield self.module.replace(_MARK, str(number), 1), number

    def keys(self, number: int | None) -> Iterator[str]:
        """The keys of the layer in that block."""
        for part in self.parts:
            yield part.key if number is None else part.key.replace(_MARK, str(number), 1)

    def to_plain(self) -> list[Any]:
        parts = [[part.part, part.key, list(part.shape)] for part in self.parts]
        return [self.module, self.expert, list(self.blocks), parts]

    @classmethod
    def from_plain(cls, value: list[Any]) -> LayerGroup:
        module, expert, blocks, parts = value
        found = tuple(LayerPart(part, key, tuple(shape)) for part, key, shape in parts)
        return cls(module, expert, tuple(blocks), found)


def group_layers(
    mapped: Iterable[MappedKey], tensors: Mapping[str, TensorEntry]
) -> tuple[LayerGroup, ...]:
    """Group mapped keys into layers, and layers that differ only in the block number."""
    layers: dict[tuple[str, Expert | None], list[MappedKey]] = {}
    for key in mapped:
        layers.setdefault((key.module, key.expert), []).append(key)
    groups: dict[tuple[str, Expert | None, _Parts], list[int]] = {}
    for (module, expert), keys in layers.items():
        number = _block_number(module)
        if number is None:
            whole = tuple((key.part, key.key, tensors[key.key].shape) for key in keys)
            groups[module, expert, whole] = []
            continue
        parts = tuple(
            (key.part, _template(key.key, number), tensors[key.key].shape) for key in keys
        )
        form = (_template(module, number), expert, parts)
        groups.setdefault(form, []).append(int(number))
    return tuple(
        LayerGroup(module, expert, tuple(sorted(blocks)), tuple(LayerPart(*p) for p in parts))
        for (module, expert, parts), blocks in groups.items()
    )


_Parts = tuple[tuple[str, str, Shape], ...]


def _block_number(module: str) -> str | None:
    return module.split(".", 2)[1] if module.startswith("blocks.") else None


def _template(name: str, number: str) -> str:
    """`name` with its block number replaced by `{n}`."""
    found = name.replace(f"blocks.{number}", f"blocks.{_MARK}", 1)
    return found if found != name else name.replace(f"blocks_{number}", f"blocks_{_MARK}", 1)
