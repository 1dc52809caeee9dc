"""Headers: names, shapes and types of what is in weight files, without reading weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.extra_model_paths import SHARDS
from wan_lora_studio.lora.files import read_header, read_small
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object
from wan_lora_studio.wan.weights import read_gguf_header

MAX_INDEX_BYTES = 4_000_000
MAX_SHARDS = 200
SUFFIXES = (".safetensors", ".sft", ".gguf")


@dataclass(frozen=True)
class Tensors:
    """By name, in the order of the file: shapes as torch has them, and types."""

    shapes: Mapping[str, tuple[int, ...]]
    types: Mapping[str, str]
    gguf: bool = False

    @property
    def main_type(self) -> str:
        """The type that most numbers have."""
        counts: Counter[str] = Counter()
        for name, shape in self.shapes.items():
            counts[self.types[name]] += prod(shape)
        return max(counts, key=lambda kind: (counts[kind], kind), default="")


def tensors_of(path: Path) -> Tensors:
    """Those of a file, or of all shards in a folder. Raises ModelLoadError or LoRAError."""
    if path.is_dir():
        return _of_shards(path)
    if path.suffix.lower() == ".gguf":
        listed = read_gguf_header(path).tensors
        shapes = {name: tensor.shape for name, tensor in listed.items()}
        return Tensors(shapes, {name: tensor.kind for name, tensor in listed.items()}, gguf=True)
    tensors = read_header(path).tensors
    return Tensors(
        {name: tuple(entry.shape) for name, entry in tensors.items()},
        {name: entry.dtype for name, entry in tensors.items()},
    )


def shards_of(folder: Path) -> tuple[Path, ...]:
    """The files that the folder's index names. Raises ModelLoadError where one is missing."""
    try:
        index = read_object(read_small(folder / SHARDS, MAX_INDEX_BYTES))
    except (OSError, UntrustedJSONError) as error:
        raise _unusable(
            folder, say("wan.found_models.index_unreadable", file=SHARDS, problem=error)
        ) from error
    named = index.get("weight_map")
    files = set(named.values()) if isinstance(named, dict) else set()
    if not files or not all(isinstance(name, str) for name in files) or len(files) > MAX_SHARDS:
        raise _unusable(folder, say("wan.found_models.index_empty", file=SHARDS))
    shards = sorted(str(name) for name in files)
    if strange := [name for name in shards if Path(name).name != name]:
        outside = say("wan.found_models.index_outside", file=SHARDS, named=repr(strange[0]))
        raise _unusable(folder, outside)
    if missing := [name for name in shards if not (folder / name).is_file()]:
        lost = say("wan.found_models.shards_missing", count=len(missing), total=len(shards))
        raise _unusable(folder, lost)
    return tuple(folder / name for name in shards)


def _of_shards(folder: Path) -> Tensors:
    shapes: dict[str, tuple[int, ...]] = {}
    types: dict[str, str] = {}
    for shard in shards_of(folder):
        found = tensors_of(shard)
        shapes |= found.shapes
        types |= found.types
    return Tensors(shapes, types)


def _unusable(folder: Path, why: str) -> ModelLoadError:
    return ModelLoadError(
        say("wan.weights.unusable", file=folder.name, problem=why),
        suggestions=[say("wan.found_models.download_folder")],
        context={"folder": str(folder)},
    )
