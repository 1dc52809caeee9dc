"""The rows of the shipped model table at full size, as folders and files that are headers only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from accelerate import init_empty_weights
from diffusers import AutoencoderKLWan

from tests.support import header_only as made
from wan_lora_studio.lora.inspection.architectures import CONFIGS, architecture_from_config
from wan_lora_studio.settings import ModelEntry, Settings

# As in the hub's folders, by the channels of their latents.
VAES: dict[int, dict[str, Any]] = {
    16: {"base_dim": 96, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "scale_factor_spatial": 8},
    48: {
        "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "dim_mult": [1, 2, 4, 4],
        "is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2,
        "scale_factor_spatial": 16, "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
    },
}  # fmt: skip


def install(settings: Settings, model_type: str) -> None:
    """Put a row with all its files where the settings look for them."""
    row, folder = settings.model(model_type), settings.model_folder(model_type)
    (folder / "tokenizer").mkdir(parents=True, exist_ok=True)
    parts = ["transformer", "transformer_2"][: len(row.experts)]
    listed = {part: ["diffusers", "WanTransformer3DModel"] for part in parts}
    listed |= {
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "vae": ["diffusers", "AutoencoderKLWan"],
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    }
    _write(folder / "model_index.json", {"_class_name": row.pipeline, **listed})
    _write(folder / "scheduler" / "scheduler_config.json", {})
    _write(folder / "tokenizer" / "tokenizer.json", {})
    for part in parts:
        _transformer(settings, model_type, part)
    channels = 48 if row.architecture == "wan2.2-ti2v-5B" else 16
    _write(folder / "vae" / "config.json", VAES[channels])
    with init_empty_weights():
        vae = AutoencoderKLWan(**VAES[channels])
    shapes = {name: tuple(value.shape) for name, value in vae.named_parameters()}
    made.safetensors(folder / "vae" / "diffusion_pytorch_model.safetensors", shapes, "F32")
    _write(folder / "text_encoder" / "config.json", {})
    made.safetensors(folder / "text_encoder" / "model.safetensors", made.UMT5)


def _transformer(settings: Settings, model_type: str, part: str) -> None:
    row, folder = settings.model(model_type), settings.model_folder(model_type)
    title, experts, config = CONFIGS[row.architecture]
    _write(folder / part / "config.json", dict(config))
    named = settings.weight_files(model_type)
    if part not in named:
        shapes = architecture_from_config(row.architecture, title, experts, config).parameters
        made.safetensors(folder / part / "diffusion_pytorch_model.safetensors", shapes)
        return
    path, shapes = named[part], made.transformer(row.architecture)
    if path.suffix == ".gguf":
        made.gguf_file(path, shapes, path.stem.rpartition("-")[2])
    else:
        made.safetensors(path, shapes, "F8_E4M3", scaled=True)


def _write(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def real_rows(settings: Settings) -> dict[str, ModelEntry]:
    """All rows but the demo's."""
    return {name: row for name, row in settings.models.items() if name != "demo"}
