"""Folders of the real models with the headers of their weights and no values: sparse files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from accelerate import init_empty_weights
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import nn
from transformers import UMT5Config, UMT5EncoderModel

FullSize = Literal["t2v-A14B", "i2v-A14B", "ti2v-5B", "wan2.1-t2v-1.3B"]
WIDE = {"num_attention_heads": 40, "ffn_dim": 13824, "num_layers": 40}
TRANSFORMERS: dict[FullSize, dict[str, Any]] = {
    "t2v-A14B": WIDE | {"in_channels": 16, "out_channels": 16},
    "i2v-A14B": WIDE | {"in_channels": 36, "out_channels": 16},
    "ti2v-5B": {
        "num_attention_heads": 24, "ffn_dim": 14336, "num_layers": 30, "in_channels": 48,
        "out_channels": 48,
    },
    "wan2.1-t2v-1.3B": {
        "num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30, "in_channels": 16,
        "out_channels": 16,
    },
}  # fmt: skip
VAE_2_1: dict[str, Any] = {"base_dim": 96, "z_dim": 16, "dim_mult": [1, 2, 4, 4]}
VAE_2_2: dict[str, Any] = {
    "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "dim_mult": [1, 2, 4, 4],
    "is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2,
    "scale_factor_spatial": 16, "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
}  # fmt: skip
UMT5_XXL = {
    "vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24,
    "num_heads": 64, "feed_forward_proj": "gated-gelu",
}  # fmt: skip
TIED = ("encoder.embed_tokens.weight",)  # the same as another, which the file has


def write_full_size(folder: Path, kind: FullSize) -> Path:
    """Write a model's folder as its repository on the hub has it, in bf16 (the decoder in fp32)."""
    with init_empty_weights():
        config = TRANSFORMERS[kind]
        parts: dict[str, tuple[nn.Module, str]] = {
            "transformer": (WanTransformer3DModel(**config), "BF16"),
            "text_encoder": (UMT5EncoderModel(UMT5Config(**UMT5_XXL)), "BF16"),
            "vae": (AutoencoderKLWan(**(VAE_2_2 if kind == "ti2v-5B" else VAE_2_1)), "F32"),
        }
    if kind.endswith("A14B"):
        parts["transformer_2"] = parts["transformer"]
    for name, (part, dtype) in parts.items():
        shapes = {
            key: tuple(value.shape) for key, value in part.named_parameters() if key not in TIED
        }
        write_headers(folder / name / "model.safetensors", shapes, dtype)
    (folder / "model_index.json").write_text("{}", encoding="utf-8")
    configs: dict[str, dict[str, Any]] = {name: {} for name in parts}
    configs |= {"transformer": config, "vae": VAE_2_2 if kind == "ti2v-5B" else VAE_2_1}
    for name, each in configs.items():
        (folder / name / "config.json").write_text(json.dumps(each), encoding="utf-8")
    return folder


def write_headers(path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str) -> None:
    """A safetensors file of these tensors that takes hardly any disk."""
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        count = {"BF16": 2, "F32": 4}[dtype]
        for side in shape:
            count *= side
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + count]}
        end += count
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
