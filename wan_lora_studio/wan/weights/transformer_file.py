"""Transformer file: one transformer's weights apart from the model's folder, in any storage.

What is read are safetensors files and GGUF, told by how the file begins and not by its name, in
Wan's own names or diffusers', behind the prefixes that are in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import diffusers
import torch
from torch import Tensor

from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.wan.weights.gguf_file import GGUFFile
from wan_lora_studio.wan.weights.gguf_header import is_gguf
from wan_lora_studio.wan.weights.matching import (
    empty_transformer,
    require_expert,
    transformer_names,
)
from wan_lora_studio.wan.weights.storage import Storage, is_wide, linear_weights
from wan_lora_studio.wan.weights.weight_file import TypeOf, WeightFile


class TransformerFile(Protocol):
    """`quantised`: whether its weights stay in blocks of few bits."""

    @property
    def quantised(self) -> bool: ...

    def load(self, folder: Path, storage: Storage) -> Any:
        """The transformer with these weights, on the host, each time anew.

        `folder` has its configuration. Raises ModelLoadError.
        """
        ...

    def empty(self, folder: Path, storage: Storage) -> Any:
        """The same without values, for which there is no memory."""
        ...


def match_transformer(
    path: Path, config: Mapping[str, Any], expert: Expert | None
) -> TransformerFile:
    """Match a file's header with a transformer's configuration; no weights are read.

    `expert` is the one that the file is for, where there are two. Raises ModelLoadError.
    """
    require_expert(path, expert)
    model = empty_transformer(config)
    if is_gguf(path):
        return _Quantised(GGUFFile.of(path, model, transformer_names))
    return _Plain(WeightFile.of(path, model, transformer_names, frozenset()))


@dataclass(frozen=True)
class _Plain:
    file: WeightFile
    quantised = False

    def load(self, folder: Path, storage: Storage) -> Any:
        model = _model(folder)
        storage.prepare(model)
        for name, weight in self.file.read(_types(model, storage.dtype)):
            storage.put(model, name, weight)
        return model.eval()

    def empty(self, folder: Path, storage: Storage) -> Any:
        return storage.empty(_model(folder)).eval()


@dataclass(frozen=True)
class _Quantised:
    """In its own storage, whatever the row says."""

    file: GGUFFile
    quantised = True

    def load(self, folder: Path, storage: Storage) -> Any:
        model, dtype = _model(folder), storage.dtype
        state = self.file.read(linear_weights(model).__contains__, _types(model, dtype))
        return _with_blocks(state, folder, dtype)

    def empty(self, folder: Path, storage: Storage) -> Any:
        model, dtype = _model(folder), storage.dtype
        state = self.file.empty(linear_weights(model).__contains__, _types(model, dtype))
        found = _with_blocks(state, folder, dtype, device="meta")
        for own, plain in zip(found.modules(), model.modules(), strict=True):
            own._buffers.update(plain._buffers)  # which are computed, not read
        return found


def _with_blocks(
    state: Mapping[str, Tensor], folder: Path, dtype: torch.dtype, device: str = "cpu"
) -> Any:
    return diffusers.WanTransformer3DModel.from_single_file(
        dict(state),
        config=str(folder),
        quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
        torch_dtype=dtype,
        device=device,
        local_files_only=True,
    )


def _model(folder: Path) -> Any:
    """The transformer of a folder's configuration, without memory for its weights."""
    config = diffusers.WanTransformer3DModel.load_config(folder, local_files_only=True)
    return empty_transformer(config)


def _types(model: Any, dtype: torch.dtype) -> TypeOf:
    return lambda name: torch.float32 if is_wide(model, name) else dtype
