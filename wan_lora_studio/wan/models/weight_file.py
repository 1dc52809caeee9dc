"""Weight file: one transformer's weights in a single safetensors file, as other tools keep them.

Read are Wan's own names and diffusers', behind the prefixes that are in use, in any float type,
and ComfyUI's scaled fp8, whose scales are applied. All that can be refused is refused by the
header, before weights are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import read_header
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.wan.models.matching import (
    empty_transformer,
    require_expert,
    require_same,
    some,
    transformer_names,
    unusable,
)

SCALES = (".scale_weight", ".weight_scale")  # of the weight of the same layer
LEFT_OUT = (".scale_input", ".input_scale", ".comfy_quant")  # what is for computing in fp8
MARKS = ("scaled_fp8",)
FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})


@dataclass(frozen=True)
class WeightFile:
    """A file whose tensors are those of a model. `names` maps the model's names to the file's,
    `scales` the file's names of weights to those of their scales."""

    path: Path
    names: Mapping[str, str]
    scales: Mapping[str, str]

    @classmethod
    def of(cls, path: Path, config: Mapping[str, Any], expert: Expert | None) -> WeightFile:
        """Match the file's header with a transformer's configuration.

        `expert` is the one that the file is for, where there are two. Raises ModelLoadError.
        """
        try:
            header = read_header(path)
        except LoRAError as error:
            raise unusable(path, error.message) from error
        require_expert(path, expert)
        shapes = {name: tuple(entry.shape) for name, entry in header.tensors.items()}
        strange = sorted(
            name for name, entry in header.tensors.items() if entry.dtype not in FLOATS
        )
        if strange:
            kinds = some(sorted({header.tensors[name].dtype for name in strange}))
            raise unusable(path, f"{some(strange)} are of the type {kinds}, which is not read")
        weights = {name for name in shapes if not name.endswith((*SCALES, *LEFT_OUT, *MARKS))}
        scales = {
            f"{name.removesuffix(ending)}.weight": name
            for name in shapes
            for ending in SCALES
            if name.endswith(ending)
        }
        if lost := sorted(scales.keys() - weights):
            raise unusable(path, f"there are scales of {some(lost)}, which are not there")
        names = transformer_names(weights)
        own_shapes = {own: shapes[theirs] for own, theirs in names.items()}
        require_same(path, own_shapes, empty_transformer(config))
        return cls(path, names, scales)

    def load(self, config: Mapping[str, Any], dtype: torch.dtype) -> Any:
        """The transformer with these weights on the host, read one by one. Raises
        ModelLoadError."""
        model = empty_transformer(config)
        wide = frozenset(type(model)._keep_in_fp32_modules or ())
        state: dict[str, Tensor] = {}
        try:
            with safe_open(self.path, framework="pt") as file:
                for own, theirs in self.names.items():
                    tensor = file.get_tensor(theirs)
                    if (scale := self.scales.get(theirs)) is not None:
                        tensor = tensor.float() * file.get_tensor(scale).float()
                    kept = not wide.isdisjoint(own.split("."))
                    # A copy, so that nothing of it is the file itself, which may be replaced.
                    state[own] = tensor.to(torch.float32 if kept else dtype, copy=True)
        except (OSError, RuntimeError) as error:
            raise unusable(self.path, f"it cannot be read: {error}") from error
        model.load_state_dict(state, assign=True)
        return model.eval()
