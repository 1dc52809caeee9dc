"""Decoder: the VAE of a row from a file of its own, in Wan's own names or diffusers'.

That of Wan 2.1 has its blocks in one row, that of Wan 2.2 in stages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers

from wan_lora_studio.wan.components import DECODER
from wan_lora_studio.wan.weights.load_errors import reading
from wan_lora_studio.wan.weights.part_sizes import parameter_bytes
from wan_lora_studio.wan.weights.weight_file import WeightFile

STAGE = re.compile(r"(?:encoder|decoder)\.(down|up)samples\.(\d+)\.\1samples\.(\d+)\.(.+)")
LAYERS = {  # of a block: Wan's own names to diffusers'
    "residual.0.": "norm1.",
    "residual.2.": "conv1.",
    "residual.3.": "norm2.",
    "residual.6.": "conv2.",
    "shortcut.": "conv_shortcut.",
}
DECODER_TYPE = torch.float32  # Wan's VAE loses visible quality below


@dataclass(frozen=True)
class DecoderReader:
    """The VAE of a folder's configuration, with the weights of a file."""

    folder: Path
    file: WeightFile

    @classmethod
    def of(cls, folder: Path, path: Path) -> DecoderReader:
        """Match the file's header with the folder's configuration. Raises ModelLoadError."""
        file = WeightFile.of(path, _empty(folder), decoder_names, frozenset())
        return cls(folder, file)

    @property
    def nbytes(self) -> int:
        """What its weights take in memory."""
        return parameter_bytes(self.empty())

    def empty(self) -> Any:
        """The decoder without values, for which there is no memory."""
        return _empty(self.folder)

    def read(self) -> Any:
        """The decoder on the host, each time anew. Raises ModelLoadError."""
        model = self.empty()
        model.load_state_dict(dict(self.file.read(lambda _: DECODER_TYPE)), assign=True)
        return model


def decoder_names(names: set[str]) -> dict[str, str]:
    """Those of diffusers' decoder, to those of the file."""
    if not any(name.startswith("decoder.upsamples.") for name in names):
        return {name: name for name in names}
    staged = {own: name for name in names if (own := _in_stage(name)) is not None}
    others = names - set(staged.values())
    return {**staged, **convert_wan_vae_to_diffusers({name: name for name in others})}


def _in_stage(name: str) -> str | None:
    """That of a block in a stage of Wan 2.2's decoder; None for another."""
    found = STAGE.fullmatch(name)
    if found is None:
        return None
    side, stage, block, layer = found.groups()
    start = f"{'encoder' if side == 'down' else 'decoder'}.{side}_blocks.{stage}"
    if layer.startswith(("resample.", "time_conv.")):
        return f"{start}.{side}sampler.{layer}"
    for theirs, own in LAYERS.items():
        if layer.startswith(theirs):
            layer = own + layer.removeprefix(theirs)
    return f"{start}.resnets.{block}.{layer}"


def _empty(folder: Path) -> Any:
    with reading(folder), init_empty_weights(include_buffers=False):
        config = diffusers.AutoencoderKLWan.load_config(folder / DECODER, local_files_only=True)
        return diffusers.AutoencoderKLWan.from_config(config).eval()
