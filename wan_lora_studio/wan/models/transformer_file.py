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
from torch import nn

from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.wan.models.gguf_file import GGUFFile
from wan_lora_studio.wan.models.gguf_header import is_gguf
from wan_lora_studio.wan.models.matching import (
    empty_transformer,
    require_expert,
    transformer_names,
)
from wan_lora_studio.wan.models.weight_file import WeightFile


class TransformerFile(Protocol):
    @property
    def quantised(self) -> bool:
        """Whether its weights stay in blocks of few bits."""

    def load(self, folder: Path, dtype: torch.dtype) -> Any:
        """The transformer with these weights, on the host, each time anew.

        `folder` has its configuration, `dtype` is what it computes in. Raises ModelLoadError.
        """


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

    def load(self, folder: Path, dtype: torch.dtype) -> Any:
        config = diffusers.WanTransformer3DModel.load_config(folder, local_files_only=True)
        model = empty_transformer(config)
        model.load_state_dict(self.file.read(_types(model, dtype)), assign=True)
        return model.eval()


@dataclass(frozen=True)
class _Quantised:
    file: GGUFFile
    quantised = True

    def load(self, folder: Path, dtype: torch.dtype) -> Any:
        config = diffusers.WanTransformer3DModel.load_config(folder, local_files_only=True)
        model = empty_transformer(config)
        linear = {
            f"{name}.weight"
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and not _is_wide(model, name)
        }
        state = self.file.read(linear.__contains__, _types(model, dtype))
        return diffusers.WanTransformer3DModel.from_single_file(
            state,
            config=str(folder),
            quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
            torch_dtype=dtype,
            local_files_only=True,
        )


def _types(model: Any, dtype: torch.dtype) -> Any:
    """By the name of a weight: fp32 for those that lose visible quality below, else `dtype`."""
    return lambda name: torch.float32 if _is_wide(model, name) else dtype


def _is_wide(model: Any, name: str) -> bool:
    return not frozenset(type(model)._keep_in_fp32_modules or ()).isdisjoint(name.split("."))
