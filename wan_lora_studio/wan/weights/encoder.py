"""Encoder: the text encoder of a row, and how it is read: from its folder or a file of its own.

Such a file has transformers' names, as ComfyUI's, or Wan's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate import init_empty_weights
from torch import nn

from wan_lora_studio.wan.components import ENCODER
from wan_lora_studio.wan.weights.load_errors import reading
from wan_lora_studio.wan.weights.part_sizes import parameter_bytes
from wan_lora_studio.wan.weights.weight_file import WeightFile

TIED = "encoder.embed_tokens.weight"  # is the same as
EMBEDDING = "shared.weight"
NO_WEIGHTS = frozenset({"spiece_model"})  # the tokenizer, in ComfyUI's files
OWN = "token_embedding.weight"  # of Wan's own names, which others begin or end like this:
OWN_NAMES = (
    ("token_embedding.", "shared."),
    ("blocks.", "encoder.block."),
    (".attn.", ".layer.0.SelfAttention."),
    (".pos_embedding.embedding.", ".layer.0.SelfAttention.relative_attention_bias."),
    (".norm1.", ".layer.0.layer_norm."),
    (".norm2.", ".layer.1.layer_norm."),
    (".ffn.gate.0.", ".layer.1.DenseReluDense.wi_0."),
    (".ffn.fc1.", ".layer.1.DenseReluDense.wi_1."),
    (".ffn.fc2.", ".layer.1.DenseReluDense.wo."),
)


@dataclass(frozen=True)
class EncoderReader:
    """The text encoder of a folder, with its own weights or those of a file. It computes in
    `dtype`."""

    folder: Path
    dtype: torch.dtype
    file: WeightFile | None = None

    @classmethod
    def of(cls, folder: Path, path: Path | None, dtype: torch.dtype) -> EncoderReader | None:
        """None for a folder that has none. `path` has weights in place of the folder's, and is
        matched with its configuration. Raises ModelLoadError."""
        if not (folder / ENCODER / "config.json").is_file():
            return None
        own = cls(folder, dtype)
        if path is None:
            return own
        return cls(folder, dtype, WeightFile.of(path, own.empty(), encoder_names, NO_WEIGHTS))

    def read(self) -> Any:
        """The encoder on the host, each time anew. Raises ModelLoadError."""
        if self.file is not None:
            return self._with(self.file)
        with reading(self.folder):
            return self._class.from_pretrained(
                self.folder / ENCODER, dtype=self.dtype, local_files_only=True
            )

    def _with(self, file: WeightFile) -> Any:
        encoder = self.empty()
        for name, weight in file.read(lambda _: self.dtype):
            path, _, leaf = name.rpartition(".")
            encoder.get_submodule(path)._parameters[leaf] = nn.Parameter(weight)
        encoder.tie_weights()
        return encoder

    @property
    def nbytes(self) -> int:
        """What its weights take in memory. Raises ModelLoadError."""
        return parameter_bytes(self.empty())

    def empty(self) -> Any:
        """The same without values, for which there is no memory. Raises ModelLoadError."""
        with reading(self.folder):
            config = self._class.config_class.from_pretrained(
                self.folder / ENCODER, local_files_only=True
            )
            with init_empty_weights(include_buffers=False):
                encoder = self._class(config)
        encoder.to(self.dtype).tie_weights()  # empty ones are not any more
        return encoder.eval()

    @property
    def _class(self) -> Any:
        """As the pipeline's index names it."""
        index = json.loads((self.folder / "model_index.json").read_text(encoding="utf-8"))
        return getattr(transformers, index[ENCODER][1])


def encoder_names(names: set[str]) -> dict[str, str]:
    """Those of transformers' encoder, to those of the file."""
    if OWN in names:
        return {_from_own(name): name for name in names}
    found = {name: name for name in names}
    tied = found.pop(TIED, None)
    if tied is not None and EMBEDDING not in found:
        found[EMBEDDING] = tied
    return found


def _from_own(name: str) -> str:
    if name == "norm.weight":
        return "encoder.final_layer_norm.weight"
    for own, theirs in OWN_NAMES:
        name = name.replace(own, theirs)
    return name
