"""Encoder: the text encoder of a row, and how it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate import init_empty_weights

from wan_lora_studio.wan.models.device_memory import parameter_bytes
from wan_lora_studio.wan.models.host_memory import ENCODER
from wan_lora_studio.wan.models.load_errors import reading


@dataclass(frozen=True)
class EncoderReader:
    """The text encoder of a folder. It computes in `dtype`."""

    folder: Path
    dtype: torch.dtype

    @classmethod
    def of(cls, folder: Path, dtype: torch.dtype) -> EncoderReader | None:
        """None for a folder that has none."""
        there = (folder / ENCODER / "config.json").is_file()
        return cls(folder, dtype) if there else None

    def read(self) -> Any:
        """The encoder on the host, each time anew. Raises ModelLoadError."""
        with reading(self.folder):
            return self._class.from_pretrained(
                self.folder / ENCODER, dtype=self.dtype, local_files_only=True
            )

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
        return encoder.to(self.dtype).eval()

    @property
    def _class(self) -> Any:
        """As the pipeline's index names it."""
        index = json.loads((self.folder / "model_index.json").read_text(encoding="utf-8"))
        return getattr(transformers, index[ENCODER][1])
