"""A pair of tiny transformers in each storage, as a row of the model table has them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor
from torch import Tensor

from tests.support.gguf_files import write_gguf
from tests.support.tiny_models import Kind, save_tiny_model, table_row, tiny_transformer
from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.wan.weights.experts import expert_readers

WIDTH = 256  # of the blocks of K-quants
FP8, INT8 = "fp8", "int8"
GGUF = ("Q8_0", "Q5_K", "Q4_K")
STORAGES = ("bf16", FP8, *GGUF, INT8)
NAMES = {"transformer": "high", "transformer_2": "low"}


def stored_row(storage: str, kind: Kind, folder: Path) -> dict[str, Any]:
    """A row of the model table whose transformers are kept so; the folder is written."""
    if not (folder / "model_index.json").is_file():
        save_tiny_model(folder, kind, width=WIDTH)
    row = table_row(kind, folder)
    if storage not in GGUF:
        return {**row, "precision": storage}
    parts = [name for name in NAMES if (folder / name).is_dir()]
    return {**row, "weights": {name: str(_gguf(storage, folder, name)) for name in parts}}


def _gguf(storage: str, folder: Path, name: str) -> Path:
    path = folder / f"{NAMES[name]}_noise_{storage}.gguf"
    if not path.is_file():
        from safetensors.torch import load_file

        write_gguf(path, load_file(folder / name / "diffusion_pytorch_model.safetensors"), storage)
    return path


def stored_experts(storage: str, folder: Path) -> Any:
    """What a pipeline has of its transformers, computing in fp32."""
    entry = ModelEntry.model_validate(stored_row(storage, "t2v", folder))
    files = {name: Path(path) for name, path in entry.weights.items()}
    readers = expert_readers(entry, folder, files, torch.float32)
    return SimpleNamespace(**{name: reader.read() for name, reader in readers.items()})


def plain_copies(experts: Any) -> Any:
    """The same in fp32, with the weights that the stored ones stand for."""
    return SimpleNamespace(**{name: _plain(getattr(experts, name)) for name in NAMES})


def _plain(model: Any) -> Any:
    plain = copy.deepcopy(tiny_transformer(width=WIDTH))
    state: Mapping[str, Tensor] = model.state_dict()
    plain.load_state_dict({name: _meant(value) for name, value in state.items()})
    return plain


def _meant(weight: Tensor) -> Tensor:
    if hasattr(weight, "dequantize") and hasattr(weight, "qdata"):
        return weight.dequantize().float()
    return dequantize_gguf_tensor(weight).detach().float()
