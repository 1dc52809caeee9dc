"""What applying LoRAs will cost, before anything is loaded. An estimate for display."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from backend.lora.architectures import Architecture
from backend.lora.info import LoRAInfo

MB = 1024 * 1024
WEIGHT_BYTES = 2  # bf16, as the large models are held
READ_BYTES_PER_SECOND = 800 * MB
MERGE_BYTES_PER_SECOND = 1500 * MB


def estimate(
    loras: Iterable[Mapping[str, LoRAInfo]],
    experts: tuple[str, ...],
    architecture: Architecture | None,
) -> dict[str, float]:
    """Memory in MB and time in seconds that these LoRAs add to a generation.

    `file_mb`: their tensors. `gpu_mb`: the factors, beside the model, of the expert that has
    most of them (experts sample one after the other). `host_mb`: the factors, and one copy of
    each weight that is changed, from which undoing restores. `total_mb` is the sum of `gpu_mb`
    and `host_mb`. Without an architecture (the model is not installed) the copy counts as 0.
    `load_seconds`: reading and merging.
    """
    infos = [(role, info) for lora in loras for role, info in lora.items()]
    file_bytes = sum(info.tensor_bytes for _, info in infos)
    per_expert = {
        expert: sum(_expert_bytes(role, info, expert) for role, info in infos) for expert in experts
    }
    touched = 0
    if architecture is not None:
        touched = sum(_touched_bytes(infos, expert, architecture) for expert in experts)
    gpu, host = max(per_expert.values(), default=0), file_bytes + touched
    seconds = file_bytes / READ_BYTES_PER_SECOND + touched / MERGE_BYTES_PER_SECOND
    return {
        "file_mb": round(file_bytes / MB, 2),
        "gpu_mb": round(gpu / MB, 2),
        "host_mb": round(host / MB, 2),
        "total_mb": round((gpu + host) / MB, 2),
        "load_seconds": round(seconds, 3),
    }


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
