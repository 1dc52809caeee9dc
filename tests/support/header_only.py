"""Weight files of full size that are headers only: what follows is a hole that takes no disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from tests.support.own_names import wans_own
from wan_lora_studio.lora.inspection.architectures import CONFIGS, architecture_from_config

Shapes = Mapping[str, tuple[int, ...]]
WIDTHS = {"F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "I8": 1}
SHARD_INDEX = "diffusion_pytorch_model.safetensors.index.json"
UMT5 = {
    "shared.weight": (256_384, 4096),
    **{
        f"encoder.block.{block}.layer.{place}.{name}.weight": shape
        for block in range(24)
        for place, name, shape in (
            *((0, f"SelfAttention.{part}", (4096, 4096)) for part in "qkvo"),
            (0, "SelfAttention.relative_attention_bias", (32, 64)),
            (0, "layer_norm", (4096,)),
            *((1, f"DenseReluDense.{part}", (10_240, 4096)) for part in ("wi_0", "wi_1")),
            (1, "DenseReluDense.wo", (4096, 10_240)),
            (1, "layer_norm", (4096,)),
        )
    },
    "encoder.final_layer_norm.weight": (4096,),
}


def transformer(architecture: str) -> dict[str, tuple[int, ...]]:
    """The tensors of a known transformer, by Wan's own names."""
    title, experts, config = CONFIGS[architecture]
    found = architecture_from_config(architecture, title, experts, config).parameters
    return {wans_own(name): shape for name, shape in found.items()}


def vae(channels: int, width: int) -> dict[str, tuple[int, ...]]:
    """The first and the last of a Wan VAE's tensors, and one that makes up its size."""
    return {
        "conv1.weight": (2 * channels, 2 * channels, 1, 1, 1),
        "conv2.weight": (channels, channels, 1, 1, 1),
        "decoder.conv1.weight": (width, channels, 3, 3, 3),
        "decoder.middle.0.residual.2.weight": (width * 24, width, 3, 3, 3),
    }


def safetensors(
    path: Path, shapes: Shapes, dtype: str = "BF16", *, prefix: str = "", scaled: bool = False
) -> Path:
    """Matrices are of this type, all else is bf16 where that is of one byte."""
    header: dict[str, object] = {}
    end = 0

    def add(name: str, kind: str, shape: tuple[int, ...]) -> None:
        nonlocal end
        start, end = end, end + prod(shape) * WIDTHS[kind]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}

    for name, shape in shapes.items():
        narrow = WIDTHS[dtype] == 1 and len(shape) != 2
        add(prefix + name, "BF16" if narrow else dtype, shape)
        if scaled and not narrow and name.endswith(".weight"):
            add(f"{prefix}{name.removesuffix('.weight')}.scale_weight", "F32", (1,))
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return path


def shards(folder: Path, shapes: Shapes, dtype: str = "BF16", count: int = 3) -> Path:
    """A folder as Wan's own repositories have one for each expert."""
    names = list(shapes)
    places = {}
    for number in range(count):
        part = {name: shapes[name] for name in names[number::count]}
        file = f"diffusion_pytorch_model-{number + 1:05}-of-{count:05}.safetensors"
        safetensors(folder / file, part, dtype)
        places |= dict.fromkeys(part, file)
    (folder / SHARD_INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    (folder / "config.json").write_text("{}")
    return folder


def gguf_file(path: Path, shapes: Shapes, kind: str) -> Path:
    """Matrices are of this type, all else is fp16. `Q4_K_M` is what tools make of it: a third of
    the numbers is kept in Q6_K."""
    plain, mixed = kind.removesuffix("_M"), kind.endswith("_M")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "wan")
    size = 0
    for name, shape in shapes.items():
        stored = plain if len(shape) == 2 and shape[-1] % 256 == 0 else "F16"
        if mixed and stored == plain and name.endswith((".v.weight", ".ffn.2.weight")):
            stored = "Q6_K"
        block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[stored]]
        nbytes = prod(shape) // block * block_bytes
        number = GGMLQuantizationType[stored]
        writer.add_tensor_info(name, shape, np.dtype(np.float16), nbytes, raw_dtype=number)
        size += -(-nbytes // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        start = -(-file.seek(0, 2) // 32) * 32
        file.truncate(start + size)
    return path
