"""Model folder: which files of a diffusers folder are missing, told by the folder alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from wan_lora_studio.model_store.listing import INDEX
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object

WITH_WEIGHTS = frozenset({"transformer", "transformer_2", "text_encoder", "image_encoder", "vae"})
PLAIN_WEIGHTS = (".safetensors", ".bin")
CONFIG = "config.json"


def missing_files(folder: Path, without_weights: Collection[str] = ()) -> tuple[str, ...]:
    """The files that the folder's own index says it has and that are not there, by their path in
    it; the index itself where there is none. Weights of components that have others don't count.
    """
    index = _object(folder / INDEX)
    if index is None:
        return (INDEX,)
    return tuple(
        missing
        for name, value in index.items()
        if _is_component(value)
        for missing in _missing_of(folder / name, with_weights=name not in without_weights)
    )


def _is_component(value: Any) -> bool:
    """Whether an entry of the index names a class: [library, class]."""
    return (
        isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)
    )


def _missing_of(folder: Path, *, with_weights: bool) -> Iterator[str]:
    if folder.name not in WITH_WEIGHTS:
        if not folder.is_dir():
            yield f"{folder.name}/"
        return
    if _object(folder / CONFIG) is None:
        yield f"{folder.name}/{CONFIG}"
    if not with_weights:
        return
    shards = _shards(folder)
    if shards:
        yield from (f"{folder.name}/{shard}" for shard in shards if not _filled(folder / shard))
    elif not any(_filled(path) for path in _plain_weights(folder)):
        yield f"{folder.name}/*.safetensors"


def _shards(folder: Path) -> list[str]:
    """The files that the folder's indexes of weights name."""
    found: set[str] = set()
    for path in folder.glob("*.safetensors.index.json"):
        weights = (_object(path) or {}).get("weight_map")
        if isinstance(weights, dict):
            found |= {name for name in weights.values() if isinstance(name, str)}
    return sorted(found)


def _plain_weights(folder: Path) -> list[Path]:
    return [path for ending in PLAIN_WEIGHTS for path in folder.glob(f"*{ending}")]


def _filled(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False


def _object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is none that can be read."""
    try:
        return read_object(path.read_bytes())
    except (OSError, UntrustedJSONError):
        return None
