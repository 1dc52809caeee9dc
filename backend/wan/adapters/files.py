"""Reading the factors of a LoRA file from disk, grouped by expert and module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from backend.errors import LoRAFileError
from backend.lora.dialects import read_keys
from backend.lora.header import read_header
from backend.lora.scaling import CONFIG_NAME, Scaling, read_scaling
from backend.wan.adapters.layer import Layer


@dataclass(frozen=True)
class AdapterFile:
    """The layers of one file, by the expert that its keys name (None: the keys name none)."""

    path: Path
    layers: Mapping[str | None, tuple[Layer, ...]]
    ignored: Mapping[str, str]
    unknown: tuple[str, ...]


def read_adapter_file(path: Path) -> AdapterFile:
    """Read every mapped factor into host memory.

    Raises LoRAFileError if the file is broken or holds NaN or infinite values.
    """
    header = read_header(path)
    reading = read_keys(header.tensors)
    if reading.conflicts:
        raise LoRAFileError(
            f"{path.name}: {' and '.join(reading.conflicts[0])} both name the same factor.",
            context={"path": str(path), "conflicts": list(reading.conflicts)},
        )
    scaling = read_scaling(path, header.metadata)
    parts: dict[tuple[str | None, str], dict[str, Tensor]] = defaultdict(dict)
    keys: dict[tuple[str | None, str], dict[str, str]] = defaultdict(dict)
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            for mapped in reading.mapped:
                place = (mapped.expert, mapped.module)
                parts[place][mapped.part] = _finite(file.get_tensor(mapped.key), mapped.key, path)
                keys[place][mapped.part] = mapped.key
    except (SafetensorError, OSError) as error:
        raise LoRAFileError(
            f"{path.name} cannot be read: {error}.", context={"path": str(path)}
        ) from error
    layers: dict[str | None, list[Layer]] = defaultdict(list)
    for (expert, module), found in parts.items():
        if scaling != Scaling() and "lora_down" in found and "alpha" not in found:
            rank = found["lora_down"].shape[0]
            found["alpha"] = torch.tensor(scaling.factor(module, rank, None) * rank).double()
            keys[expert, module]["alpha"] = CONFIG_NAME
        layers[expert].append(Layer(module, found, keys[expert, module]))
    return AdapterFile(
        path,
        {expert: tuple(items) for expert, items in layers.items()},
        reading.ignored,
        reading.unknown,
    )


def _finite(factor: Tensor, key: str, path: Path) -> Tensor:
    # fp8 has no isfinite of its own.
    values = factor.float() if factor.is_floating_point() and factor.itemsize == 1 else factor
    if not bool(torch.isfinite(values).all()):
        raise LoRAFileError(
            f"{path.name}: {key} holds NaN or infinite values; the video would be black.",
            suggestions=["Download the file again; if it is the same, its training failed."],
            context={"path": str(path), "key": key},
        )
    return factor
