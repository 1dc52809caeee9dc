"""Weight file: one transformer's weights in a single safetensors file, as other tools keep them.

Read are Wan's own names and diffusers', behind the prefixes that are in use, in any float type,
and ComfyUI's scaled fp8, whose scales are applied. All that can be refused is refused by the
header, before weights are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from safetensors import safe_open
from torch import Tensor

from wan_lora_studio.errors import LoRAError, ModelLoadError, together
from wan_lora_studio.lora.files import read_header
from wan_lora_studio.lora.inspection import name_role
from wan_lora_studio.lora.roles import Expert

PREFIXES = ("model.diffusion_model.", "diffusion_model.")
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
            raise _unusable(path, error.message) from error
        _require_expert(path, expert)
        shapes = {name: tuple(entry.shape) for name, entry in header.tensors.items()}
        strange = sorted(
            name for name, entry in header.tensors.items() if entry.dtype not in FLOATS
        )
        if strange:
            kinds = _some(sorted({header.tensors[name].dtype for name in strange}))
            raise _unusable(path, f"{_some(strange)} are of the type {kinds}, which is not read")
        weights = {name for name in shapes if not name.endswith((*SCALES, *LEFT_OUT, *MARKS))}
        scales = {
            f"{name.removesuffix(ending)}.weight": name
            for name in shapes
            for ending in SCALES
            if name.endswith(ending)
        }
        if lost := sorted(scales.keys() - weights):
            raise _unusable(path, f"there are scales of {_some(lost)}, which are not there")
        names = _model_names(weights)
        _require_same(path, {own: shapes[theirs] for own, theirs in names.items()}, config)
        return cls(path, names, scales)

    def load(self, config: Mapping[str, Any], dtype: torch.dtype) -> Any:
        """The transformer with these weights on the host, read one by one. Raises
        ModelLoadError."""
        model = _empty(config)
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
            raise _unusable(self.path, f"it cannot be read: {error}") from error
        model.load_state_dict(state, assign=True)
        return model.eval()


def _empty(config: Mapping[str, Any]) -> Any:
    with init_empty_weights(include_buffers=False):
        return diffusers.WanTransformer3DModel.from_config(dict(config))


def _model_names(names: set[str]) -> dict[str, str]:
    """Those of diffusers' model, to those of the file."""
    prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in names)), "")
    plain = {name.removeprefix(prefix): name for name in names}
    if any(".self_attn." in name for name in plain):
        plain = convert_wan_transformer_to_diffusers(plain)
    return plain


def _require_same(
    path: Path, shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any]
) -> None:
    wanted = {name: tuple(value.shape) for name, value in _empty(config).state_dict().items()}
    missing, more = sorted(wanted.keys() - shapes.keys()), sorted(shapes.keys() - wanted.keys())
    other = [n for n in wanted if n in shapes and wanted[n] != shapes[n]]
    if other:
        name = other[0]
        raise _unusable(
            path,
            f"it is for a model of another size: {name} is {_size(shapes[name])} in it, and "
            f"{_size(wanted[name])} in this model",
        )
    if missing:
        raise _unusable(path, f"{_some(missing)} are missing in it")
    if more:
        raise _unusable(path, f"this model has no {_some(more)}; it is for another kind of model")


def _require_expert(path: Path, expert: Expert | None) -> None:
    stated = name_role(path.stem)
    if expert is None or stated is None or stated.role in ("both", expert):
        return
    raise _unusable(
        path, f"its name says that it is for {stated.role} noise, and it is given for {expert}"
    )


def _some(names: Sequence[str]) -> str:
    return together(names, ", ")


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"


def _unusable(path: Path, why: str) -> ModelLoadError:
    return ModelLoadError(
        f"The weights in {path.name} cannot be used: {why}.",
        suggestions=[
            "Choose the file for this model and this expert in the row of the model table.",
            "If it is the right one, download it again.",
        ],
        context={"file": str(path)},
    )
