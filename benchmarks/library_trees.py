"""Generated libraries: files with headers as trainers write them, and data that takes no space."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

WORDS = (
    "anime", "film", "noir", "water", "dragon", "city", "robot", "smoke", "dance", "portrait",
    "forest", "neon", "paint", "ink", "glow",
)  # fmt: skip
HALVES = ("_high_noise", "_low_noise", "", "")
PER_FOLDER = 500
RANKS = (8, 16, 32, 64, 128)
BLOCKS = 40
WIDTH, INNER = 5120, 13824
LAYERS = {
    f"{kind}_attn.{name}": (WIDTH, WIDTH) for kind in ("self", "cross") for name in "qkvo"
} | {"ffn.0": (INNER, WIDTH), "ffn.2": (WIDTH, INNER)}
SUBSETS = (tuple(LAYERS), tuple(LAYERS)[:8], tuple(LAYERS)[:4], tuple(LAYERS)[8:])


@dataclass(frozen=True)
class TensorList:
    """The tensors' part of a header, and how much data it speaks of, in bytes."""

    text: bytes
    size: int


def tensor_lists() -> list[TensorList]:
    """40 of them: two layouts, five ranks, four choices of layers of A14B."""
    return [
        tensor_list(musubi=musubi, rank=rank, layers=layers)
        for musubi in (True, False)
        for rank in RANKS
        for layers in SUBSETS
    ]


def tensor_list(*, musubi: bool, rank: int, layers: tuple[str, ...]) -> TensorList:
    """All blocks' factors in bf16, in musubi's spelling or diffusion-pipe's."""
    entries, position = {}, 0
    for key, shape in _tensors(musubi, rank, layers):
        size = 2
        for side in shape:
            size *= side
        offsets = [position, position + size]
        entries[key] = {"dtype": "BF16", "shape": shape, "data_offsets": offsets}
        position += size
    return TensorList(json.dumps(entries, separators=(",", ":"))[1:].encode(), position)


def _tensors(musubi: bool, rank: int, layers: tuple[str, ...]) -> Iterator[tuple[str, list[int]]]:
    for block in range(BLOCKS):
        for layer in layers:
            outer, inner = LAYERS[layer]
            if musubi:
                stem = f"lora_unet_blocks_{block}_{layer.replace('.', '_')}"
                yield f"{stem}.alpha", []
                yield f"{stem}.lora_down.weight", [rank, inner]
                yield f"{stem}.lora_up.weight", [outer, rank]
            else:
                stem = f"diffusion_model.blocks.{block}.{layer}"
                yield f"{stem}.lora_A.weight", [rank, inner]
                yield f"{stem}.lora_B.weight", [outer, rank]


def grow_tree(
    root: Path, count: int, *, start: int = 0, lists: Sequence[TensorList] | None = None
) -> None:
    """Add files number `start` to `count`; every other one is a half of a pair.

    The metadata of each is its own. `lists` replaces the usual lists of tensors.
    """
    lists = lists or tensor_lists()
    for number in range(start, count):
        half = HALVES[number % 4]
        pair = number - 1 if half == HALVES[1] else number
        folder = root / f"set{number // PER_FOLDER:03}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{WORDS[pair % len(WORDS)]}_{pair:05}{half}.safetensors"
        write_sparse(path, metadata(number), lists[number % len(lists)])


def metadata(number: int) -> dict[str, str]:
    """About as much as a trainer writes; the words differ from file to file."""
    title = " ".join(random.Random(number).sample(WORDS, 3))
    return {
        "modelspec.title": f"{title} {number}",
        "modelspec.trigger_phrase": title.replace(" ", ", "),
        "modelspec.description": "Trained on short clips with a moving camera. " * 4,
        "ss_output_name": f"{title.replace(' ', '_')}_{number}",
        "ss_network_dim": "32",
        "ss_tag_frequency": json.dumps({"clips": dict.fromkeys(WORDS, number % 9)}),
    }


def write_sparse(path: Path, values: dict[str, str], tensors: TensorList) -> None:
    """A file whose data is one hole: it has its full size and takes no space."""
    text = json.dumps({"__metadata__": values}, separators=(",", ":"))[:-1].encode()
    header = text + b"," + tensors.text
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + tensors.size)
