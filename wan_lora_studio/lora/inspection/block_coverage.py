"""Block coverage: what of each block of a model a LoRA changes, for a picture of bars."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from wan_lora_studio.lora.inspection.architectures import Architecture
from wan_lora_studio.lora.inspection.info import LoRAInfo
from wan_lora_studio.lora.inspection.interface_layers import other_task

_IN_BLOCK = re.compile(r"blocks\.(\d+)\.")


@dataclass(frozen=True)
class BlockCoverage:
    """`block` None stands for the layers outside the blocks. `changed`: layers of the model
    that the LoRA changes; `layers`: matrices that the model has there; `lost`: layers of the
    file that the model does not take."""

    block: int | None
    changed: int
    layers: int
    lost: int

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


def coverage_by_block(
    infos: Mapping[str, LoRAInfo], architecture: Architecture
) -> dict[str, list[BlockCoverage]]:
    """By expert, one entry for each block, and one for the rest if the LoRA reaches it.

    `infos` is as in `compatibility.judge`. Of shapes it only matters whether a layer is for another
    task, and so left out.
    """
    if len(architecture.experts) == len(infos) == 1:
        infos = {"both": next(iter(infos.values()))}
    return {
        expert: _of_expert(infos, expert, architecture.of(expert))
        for expert in architecture.experts
    }


def _matrices(architecture: Architecture) -> Counter[int | None]:
    """How many layers with a matrix each block has."""
    return Counter(
        _block_of(name)
        for name, shape in architecture.parameters.items()
        if name.endswith(".weight") and len(shape) > 1
    )


def _block_of(module: str) -> int | None:
    found = _IN_BLOCK.match(module)
    return int(found[1]) if found else None


def _of_expert(
    infos: Mapping[str, LoRAInfo],
    expert: str,
    architecture: Architecture,
) -> list[BlockCoverage]:
    layers = _matrices(architecture)
    changed: Counter[int | None] = Counter()
    lost: Counter[int | None] = Counter()
    for module, taken in _modules(infos, expert, architecture).items():
        (changed if taken else lost)[_block_of(module)] += 1
    numbered = sorted({number for number in (*layers, *lost) if number is not None})
    blocks: list[int | None] = [*numbered, *([None] if changed[None] or lost[None] else [])]
    return [
        BlockCoverage(n, changed[n], max(layers.get(n, 0), changed[n]), lost[n]) for n in blocks
    ]


def _modules(
    infos: Mapping[str, LoRAInfo], expert: str, architecture: Architecture
) -> dict[str, bool]:
    """The layers of the files for the expert, and whether the model takes them."""
    return {
        module: architecture.has(module)
        and other_task(module, layer.shapes, *architecture.shapes_of(module)) is None
        for role, info in infos.items()
        if role in ("both", expert)
        for layer in info.layers
        if layer.expert in (None, expert)
        for module, _ in layer.modules()
    }
