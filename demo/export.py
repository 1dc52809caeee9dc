"""Writes trained LoRAs the way each trainer does: its key names, its alphas, its header.

Keys are in Wan's original naming except for LyCORIS, which names layers after the module
it was given. See `demo/naming.py` for the map.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from demo.accelerator import Accelerator
from demo.adapters import LayerFactors
from demo.diffusion import Expert
from demo.naming import to_original

Tensors = dict[str, Tensor]
Header = dict[str, str]


def musubi(layers: LayerFactors) -> Tensors:
    """`lora_unet_blocks_0_self_attn_q.lora_down.weight`, `.lora_up.weight`, `.alpha`."""
    tensors: Tensors = {}
    for module, layer in layers.items():
        key = "lora_unet_" + to_original(module).replace(".", "_")
        tensors[f"{key}.lora_down.weight"] = layer.down
        tensors[f"{key}.lora_up.weight"] = layer.up
        tensors[f"{key}.alpha"] = torch.tensor(layer.alpha)
    return tensors


def ai_toolkit(high: LayerFactors, low: LayerFactors) -> Tensors:
    """`diffusion_model.transformer_1.M.lora_A.weight` (high) and `.transformer_2.M` (low)."""
    tensors: Tensors = {}
    for number, layers in ((1, high), (2, low)):
        for module, layer in layers.items():
            key = f"diffusion_model.transformer_{number}.{to_original(module)}"
            tensors[f"{key}.lora_A.weight"] = layer.down
            tensors[f"{key}.lora_B.weight"] = layer.up * _scale_without_alpha(
                layer.alpha, layer.down
            )
    return tensors


def diffsynth(layers: LayerFactors) -> Tensors:
    """`blocks.0.self_attn.q.lora_A.default.weight`; no alpha."""
    tensors: Tensors = {}
    for module, layer in layers.items():
        key = to_original(module)
        tensors[f"{key}.lora_A.default.weight"] = layer.down
        tensors[f"{key}.lora_B.default.weight"] = layer.up * _scale_without_alpha(
            layer.alpha, layer.down
        )
    return tensors


def lightx2v(accelerator: Accelerator) -> Tensors:
    """`diffusion_model.M.lora_down.weight` with `.alpha`, and `.diff` / `.diff_b` in full."""
    tensors: Tensors = {}
    for module, layer in accelerator.factors.items():
        key = f"diffusion_model.{to_original(module)}"
        tensors[f"{key}.lora_down.weight"] = layer.down
        tensors[f"{key}.lora_up.weight"] = layer.up
        tensors[f"{key}.alpha"] = torch.tensor(layer.alpha)
    for parameter, difference in accelerator.differences.items():
        module, _, kind = parameter.rpartition(".")
        suffix = "diff_b" if kind == "bias" else "diff"
        tensors[f"diffusion_model.{to_original(module)}.{suffix}"] = difference
    return tensors


def _scale_without_alpha(alpha: float, down: Tensor) -> float:
    """Layouts without alpha mean alpha = rank, so the rest goes into the up factor."""
    return alpha / down.shape[0]


def write(path: Path, tensors: Tensors, header: Header) -> None:
    """One safetensors file in fp32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.detach().clone().contiguous() for key, value in tensors.items()},
        path,
        metadata=header,
    )


def modelspec(title: str, description: str, trigger: str, hint: str, tags: str) -> Header:
    """The `modelspec.*` entries, which several trainers write."""
    header = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "wan2.2/lora",
        "modelspec.title": title,
        "modelspec.description": description,
        "modelspec.author": "Wan2.2 LoRA Studio",
        "modelspec.license": "Apache-2.0",
        "modelspec.date": "2026-11-23",
        "modelspec.resolution": "128x128",
        "modelspec.tags": tags,
        "modelspec.usage_hint": hint,
        "modelspec.trigger_phrase": trigger,
    }
    return {key: value for key, value in header.items() if value}


def musubi_header(
    expert: Expert, base: Header, *, rank: int, alpha: float, trigger: str, steps: int
) -> Header:
    """What musubi-tuner adds for one half of a pair."""
    first, last = ("875", "1000") if expert == "high" else ("0", "875")
    tags = {"1_demo": {trigger: 96}}
    return {
        **base,
        "modelspec.timestep_range": f"{first},{last}",
        "ss_base_model_version": "wan2.2",
        "ss_network_module": "networks.lora_wan",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(alpha),
        "ss_output_name": f"neon_outline_{expert}_noise",
        "ss_sd_model_name": f"demo_{expert}_noise.safetensors",
        "ss_steps": str(steps),
        "ss_min_timestep": first,
        "ss_max_timestep": last,
        "ss_tag_frequency": json.dumps(tags),
        "ss_training_comment": "trained on the synthetic demo world",
    }


def ai_toolkit_header(base: Header, name: str, steps: int, trigger: str) -> Header:
    """What ai-toolkit writes, besides the modelspec entries that we add for the library."""
    return {
        **base,
        "format": "pt",
        "name": name,
        "ss_base_model_version": "wan2.2_14b",
        "ss_output_name": name,
        "ss_tag_frequency": json.dumps({"1_demo": {trigger: 96}}),
        "software": json.dumps(
            {"name": "ai-toolkit", "repo": "https://github.com/ostris/ai-toolkit"}
        ),
        "training_info": json.dumps({"step": steps, "epoch": 1}),
    }


def lycoris_header(base: Header, rank: int, alpha: float, name: str, trigger: str) -> Header:
    """What a training script with a LyCORIS network writes."""
    return {
        **base,
        "ss_network_module": "lycoris.kohya",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(alpha),
        "ss_network_args": json.dumps({"algo": "lokr", "factor": "4"}),
        "ss_output_name": name,
        "ss_tag_frequency": json.dumps({"1_demo": {trigger: 96}}),
    }
