"""GGUF file: a transformer's weights in blocks of few bits, which stay so in memory.

The weights of linear layers are kept as they are stored and decoded where they are used, by
diffusers; all others are decoded while they are read. The header is read by our own reader, within
bounds, and the data by what it says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch
from diffusers.quantizers.gguf.utils import GGUFParameter, dequantize_gguf_tensor
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from torch import Tensor

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import open_regular
from wan_lora_studio.texts import say
from wan_lora_studio.wan.weights.gguf_header import GGUFTensor, read_gguf_header
from wan_lora_studio.wan.weights.matching import require_same
from wan_lora_studio.wan.weights.refusals import unusable
from wan_lora_studio.wan.weights.weight_file import Naming, TypeOf

PLAIN_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class GGUFFile:
    """A file whose tensors are those of a model, by the model's names."""

    path: Path
    tensors: Mapping[str, GGUFTensor]

    @classmethod
    def of(cls, path: Path, model: Any, naming: Naming) -> GGUFFile:
        """Match the header with a model, which needs no weights. Raises ModelLoadError."""
        found = read_gguf_header(path).tensors
        tensors = {own: found[theirs] for own, theirs in naming(set(found)).items()}
        require_same(path, {own: tensor.shape for own, tensor in tensors.items()}, model)
        return cls(path, tensors)

    def read(self, kept: Callable[[str], bool], type_of: TypeOf) -> dict[str, Tensor]:
        """The weights by the model's names, read one by one: quantised ones that are to be `kept`
        so, and all others as `type_of` says for their names. Raises ModelLoadError."""
        try:
            with os.fdopen(open_regular(self.path), "rb") as file:
                return self._state(kept, type_of, lambda tensor: _data(file, tensor))
        except (LoRAError, OSError) as error:
            raise unusable(self.path, say("wan.weights.unreadable", problem=error)) from error

    def empty(self, kept: Callable[[str], bool], type_of: TypeOf) -> dict[str, Tensor]:
        """The same without values, for which there is no memory."""
        return self._state(kept, type_of, _nothing)

    def _state(
        self,
        kept: Callable[[str], bool],
        type_of: TypeOf,
        data_of: Callable[[GGUFTensor], Tensor],
    ) -> dict[str, Tensor]:
        state: dict[str, Tensor] = {}
        for name, tensor in sorted(self.tensors.items(), key=lambda item: item[1].start):
            data = data_of(tensor)
            if tensor.quantised:
                blocks = _blocks(data, tensor)
                state[name] = (
                    blocks if kept(name) else dequantize_gguf_tensor(blocks).to(type_of(name))
                )
            else:
                plain = data.view(PLAIN_TYPES[tensor.kind]).reshape(tensor.shape)
                state[name] = plain.to(type_of(name))
        return state


def _nothing(tensor: GGUFTensor) -> Tensor:
    return torch.empty(tensor.size, dtype=torch.uint8, device="meta")


def _data(file: BufferedReader, tensor: GGUFTensor) -> Tensor:
    """A tensor's bytes. Raises OSError where the file has become shorter."""
    data = torch.empty(tensor.size, dtype=torch.uint8)
    file.seek(tensor.start)
    if file.readinto(data.numpy().data) != tensor.size:
        raise OSError(say("wan.weights.shorter"))
    return data


def _blocks(data: Tensor, tensor: GGUFTensor) -> Any:
    """Rows of blocks, as diffusers' layers take them."""
    kind = GGMLQuantizationType[tensor.kind]
    block, block_bytes = GGML_QUANT_SIZES[kind]
    *outer, width = tensor.shape
    return GGUFParameter(data.reshape(*outer, width // block * block_bytes), quant_type=kind)
