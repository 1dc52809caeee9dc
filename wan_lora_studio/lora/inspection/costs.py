"""Costs of applying LoRAs in each mode, told from headers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from wan_lora_studio.lora.inspection.architectures import Architecture
from wan_lora_studio.lora.inspection.info import LoRAInfo
from wan_lora_studio.units import MB

Mode = Literal["merge", "runtime"]
MODES: tuple[Mode, ...] = ("merge", "runtime")
WEIGHT_BYTES = 2  # bf16, as the large models are held
READ_BYTES_PER_SECOND = 800 * MB
MERGE_BYTES_PER_SECOND = 1500 * MB


@dataclass(frozen=True)
class Cost:
    """What LoRAs add in one mode: bytes on the accelerator and on the host, seconds to apply."""

    gpu: float = 0.0
    host: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Costs:
    """`file`: bytes of the tensors. `by_mode` is as the headers and the model table say."""

    file: int
    by_mode: dict[Mode, Cost]


def costs_of(
    loras: Iterable[Mapping[str, LoRAInfo]],
    experts: tuple[str, ...],
    architecture: Architecture | None,
    *,
    on_gpu: bool = True,
) -> Costs:
    """What these LoRAs add together.

    Merged, nothing stays on the accelerator; the host holds the factors and one copy of each
    weight that is changed, from which undoing restores. At runtime the accelerator holds the
    factors of the expert that samples (the one that has most of them counts), and the host all
    of them. Without an architecture (the model is not installed) the copy counts as 0.
    """
    infos = [(role, info) for lora in loras for role, info in lora.items()]
    file_bytes = sum(info.tensor_bytes for _, info in infos)
    touched = 0
    if architecture is not None:
        touched = sum(_touched_bytes(infos, expert, architecture.of(expert)) for expert in experts)
    resident = max(
        (sum(_expert_bytes(role, info, expert) for role, info in infos) for expert in experts),
        default=0,
    )
    reading = file_bytes / READ_BYTES_PER_SECOND
    return Costs(
        file_bytes,
        {
            "merge": Cost(0, file_bytes + touched, reading + touched / MERGE_BYTES_PER_SECOND),
            "runtime": Cost(resident if on_gpu else 0, file_bytes, reading),
        },
    )


def _expert_bytes(role: str, info: LoRAInfo, expert: str) -> int:
    if role not in ("both", expert):
        return 0
    modules = sum(layer.count for layer in info.layers) or 1
    own = sum(layer.count for layer in info.layers if layer.expert in (None, expert))
    return info.tensor_bytes * own // modules


def _touched_bytes(
    infos: Iterable[tuple[str, LoRAInfo]], expert: str, architecture: Architecture
) -> int:
    modules = {
        module
        for role, info in infos
        if role in ("both", expert)
        for layer in info.layers
        if layer.expert in (None, expert)
        for module, _ in layer.modules()
    }
    shapes = (architecture.shapes_of(module)[0] for module in modules)
    return sum(prod(shape) * WEIGHT_BYTES for shape in shapes if shape is not None)
