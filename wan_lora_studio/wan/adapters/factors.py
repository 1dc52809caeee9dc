"""Factors of a LoRA file, read from disk, grouped by expert and module."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wan_lora_studio import filesystem
from wan_lora_studio.errors import LoRAFileError, UnsupportedLoRAError
from wan_lora_studio.lora.files import (
    Header,
    TensorEntry,
    first_non_finite,
    open_regular,
    read_header,
)
from wan_lora_studio.lora.inspection import (
    CONFIG_NAME,
    MappedKey,
    Scaling,
    nothing_readable,
    rank_of,
    read_keys,
    read_scaling,
    refusals,
)
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.layer import Layer, split_fused

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
}


@dataclass(frozen=True)
class AdapterFile:
    """The layers of one file, by the expert that its keys name (None: the keys name none).

    `source` is unique to the file and its present content; `size` is in bytes. `unread`
    counts, likewise by expert, the layers that are named in a way that cannot be read.
    """

    path: Path
    source: str
    size: int
    layers: Mapping[str | None, tuple[Layer, ...]]
    ignored: Mapping[str, str]
    unknown: tuple[str, ...]
    unread: Mapping[Expert | None, int]


def source_of(path: Path) -> str:
    """A name for the file's present content, without reading it: it changes when the file does.

    Raises LoRAFileError if the file is not there.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise LoRAFileError(
            say("wan.adapters.file.unreadable", file=path.name, reason=error.strerror),
            suggestions=[say("wan.adapters.file.refresh")],
            context={"path": str(path)},
        ) from error
    # peft's configuration beside the file is part of what the file says.
    config = path.parent / CONFIG_NAME
    config_time = config.stat().st_mtime_ns if config.is_file() else 0
    return f"{path}|{found.st_ino}|{found.st_size}|{found.st_mtime_ns}|{config_time}"


def read_adapter_file(path: Path) -> AdapterFile:
    """Read every mapped factor.

    Raises LoRAFileError if the file is broken or holds NaN or infinite values,
    UnsupportedLoRAError if it has layers of a kind that is not applied here.
    """
    source = source_of(path)
    header = read_header(path)
    reading = read_keys(header.tensors)
    if reading.conflicts:
        raise LoRAFileError(
            say(
                "wan.adapters.file.conflict",
                file=path.name,
                keys=", ".join(reading.conflicts[0]),
            ),
            context={"path": str(path), "conflicts": list(reading.conflicts)},
        )
    if problems := refusals(reading, lambda key: len(header.tensors[key].shape)):
        raise UnsupportedLoRAError(
            f"{path.name}: {'; '.join(problems)}.", context={"path": str(path)}
        )
    if not reading.forms:
        why = nothing_readable(reading.ignored, reading.unknown)
        raise UnsupportedLoRAError(f"{path.name}: {why}.", context={"path": str(path)})
    data = _bytes_of(path, header)
    _require_finite(path, data, [header.tensors[mapped.key] for mapped in reading.mapped])
    scaling = read_scaling(path, header.metadata)
    layers: dict[str | None, list[Layer]] = defaultdict(list)
    for (expert, module), keys in _by_layer(reading.mapped).items():
        parts = {part: _tensor(path, data, header.tensors[key]) for part, key in keys.items()}
        if scaling != Scaling() and "alpha" not in parts:
            rank = rank_of({part: tuple(factor.shape) for part, factor in parts.items()})
            factor = scaling.factor(module, rank, None)
            parts["scale"] = torch.tensor(factor, dtype=torch.float64)
            keys["scale"] = CONFIG_NAME
        layers[expert] += split_fused(Layer(module, parts, keys))
    return AdapterFile(
        path,
        source,
        header.file_size,
        {expert: tuple(items) for expert, items in layers.items()},
        reading.ignored,
        reading.unknown,
        reading.unread,
    )


def _by_layer(mapped: tuple[MappedKey, ...]) -> dict[tuple[str | None, str], dict[str, str]]:
    """(expert, module) -> {part: key}"""
    found: dict[tuple[str | None, str], dict[str, str]] = defaultdict(dict)
    for item in mapped:
        found[item.expert, item.module][item.part] = item.key
    return found


def _bytes_of(path: Path, header: Header) -> Any:
    """The file's bytes: mapped, except on Windows, where a mapped file cannot be renamed."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            if os.fstat(file.fileno()).st_size != header.file_size:
                raise LoRAFileError(say("wan.adapters.file.changed", file=path.name))
            if not filesystem.MOVES_OPEN_FILES:
                return bytearray(file.read())
            # Copy-on-write. Python's mmap would hold a descriptor for as long as the file is
            # cached, and systems give a program few of them (256 on macOS).
            open_file = f"/dev/fd/{file.fileno()}"
            return torch.from_file(
                open_file, shared=False, size=header.file_size, dtype=torch.uint8
            ).numpy()
    except torch.OutOfMemoryError:  # the ladder answers it, not the file
        raise
    except (OSError, RuntimeError) as error:  # torch's for a file that cannot be mapped
        raise LoRAFileError(
            say("wan.adapters.file.unreadable", file=path.name, reason=error),
            context={"path": str(path)},
        ) from error


def _tensor(path: Path, data: Any, entry: TensorEntry) -> Tensor:
    """A view of the file's bytes; a copy where the file does not align them."""
    dtype = DTYPES.get(entry.dtype)
    if dtype is None:
        raise UnsupportedLoRAError(
            say("wan.adapters.file.type", file=path.name, tensor=entry.key, kind=entry.dtype),
            suggestions=[say("wan.adapters.file.convert")],
            context={"path": str(path), "key": entry.key},
        )
    if entry.start % dtype.itemsize:
        raw = bytearray(data[entry.start : entry.end])
        return torch.frombuffer(raw, dtype=dtype).reshape(entry.shape)
    count = (entry.end - entry.start) // dtype.itemsize
    return torch.frombuffer(data, dtype=dtype, count=count, offset=entry.start).reshape(entry.shape)


def _require_finite(path: Path, data: Any, entries: list[TensorEntry]) -> None:
    key = first_non_finite(data, entries)
    if key is not None:
        raise LoRAFileError(
            say("wan.adapters.file.not_finite", file=path.name, tensor=key),
            suggestions=[say("wan.adapters.file.training_failed")],
            context={"path": str(path), "key": key},
        )
