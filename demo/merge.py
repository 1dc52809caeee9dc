"""An independent, plain merge of the demo LoRA files, used to train and to measure them.

Written apart from the app's own loader, so that the two can be held against each other.
It knows the five layouts in `loras/` and refuses every other key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from diffusers import WanPipeline, WanTransformer3DModel
from safetensors.torch import load_file
from torch import Tensor

from demo.diffusion import EXPERTS, Expert
from demo.naming import to_diffusers, to_original

Deltas = dict[str, Tensor]  # by parameter name in the diffusers transformer
_FIRST = (".lora_down.weight", ".lora_A.weight", ".lora_A.default.weight")
_SECOND = {
    _FIRST[0]: ".lora_up.weight",
    _FIRST[1]: ".lora_B.weight",
    _FIRST[2]: ".lora_B.default.weight",
}


def read(path: Path, transformer: WanTransformer3DModel) -> dict[Expert, Deltas]:
    """The change at strength 1 of each expert's parameters, in float64."""
    tensors = {key: value.double() for key, value in load_file(path).items()}
    result: dict[Expert, Deltas] = {"high": {}, "low": {}}
    shapes = {name: p.shape for name, p in transformer.named_parameters()}
    underscored = {name.replace(".", "_"): name for name in _module_names(shapes)}
    used: set[str] = set()
    for key in tensors:
        module, suffix = _split(key)
        if suffix not in (*_FIRST, ".diff", ".diff_b", ".lokr_w1"):
            continue
        parameter, experts = _target(module, suffix, path.stem, underscored)
        delta = _delta(tensors, module, suffix, used).reshape(shapes[parameter])
        for expert in experts:
            result[expert][parameter] = delta
    if left := set(tensors) - used:
        raise ValueError(f"{path.name}: keys of no known layout: {sorted(left)[:3]}")
    return result


def _module_names(parameters: dict[str, torch.Size]) -> set[str]:
    return {name.rpartition(".")[0] for name in parameters}


def _split(key: str) -> tuple[str, str]:
    """`a.b.lora_A.default.weight` -> (`a.b`, `.lora_A.default.weight`)."""
    match = re.search(r"\.(lora_|lokr_|diff|alpha)", key)
    if match is None:
        raise ValueError(f"key of no known layout: {key}")
    return key[: match.start()], key[match.start() :]


def _target(
    module: str, suffix: str, stem: str, underscored: dict[str, str]
) -> tuple[str, tuple[Expert, ...]]:
    """Parameter name and the experts that a key is for."""
    experts: tuple[Expert, ...] = EXPERTS
    if "high_noise" in stem or ".transformer_1." in module:
        experts = ("high",)
    elif "low_noise" in stem or ".transformer_2." in module:
        experts = ("low",)
    module = re.sub(r"^diffusion_model\.(transformer_[12]\.)?", "", module)
    if module.startswith("lora_unet_"):
        module = _musubi_names(underscored)[module.removeprefix("lora_unet_")]
    elif module.startswith("lycoris_"):
        module = underscored[module.removeprefix("lycoris_")]
    else:
        module = to_diffusers(module)
    return module + (".bias" if suffix == ".diff_b" else ".weight"), experts


def _musubi_names(underscored: dict[str, str]) -> dict[str, str]:
    return {to_original(name).replace(".", "_"): name for name in underscored.values()}


def _delta(tensors: dict[str, Tensor], module: str, suffix: str, used: set[str]) -> Tensor:
    def take(ending: str) -> Tensor:
        used.add(module + ending)
        return tensors[module + ending]

    if suffix in (".diff", ".diff_b"):
        return take(suffix)
    if suffix == ".lokr_w1":
        down = take(".lokr_w2_b")
        scale = float(take(".alpha")) / down.shape[0]
        return torch.kron(take(".lokr_w1"), take(".lokr_w2_a") @ down) * scale
    down = take(suffix)
    alpha = float(take(".alpha")) if f"{module}.alpha" in tensors else float(down.shape[0])
    return alpha / down.shape[0] * (take(_SECOND[suffix]) @ down)


@contextmanager
def merged(pipeline: WanPipeline, paths: list[Path], strength: float) -> Iterator[None]:
    """The pipeline with these files merged at this strength; restored afterwards."""
    experts: dict[Expert, WanTransformer3DModel] = {
        "high": pipeline.transformer,
        "low": pipeline.transformer_2,
    }
    kept: list[tuple[torch.nn.Parameter, Tensor]] = []
    try:
        for path in paths:
            for expert, deltas in read(path, pipeline.transformer).items():
                parameters = dict(experts[expert].named_parameters())
                for name, delta in deltas.items():
                    parameter = parameters[name]
                    kept.append((parameter, parameter.detach().clone()))
                    parameter.data = (parameter.double() + strength * delta).to(parameter.dtype)
        yield
    finally:
        for parameter, value in reversed(kept):
            parameter.data = value
