"""GGUF files as other tools write them, from a model's tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from torch import Tensor

from tests.support.own_names import wans_own

# Where the two scales of a block begin, in types that no tool quantises to in Python.
SCALES = {"Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
SMALL = {0: 2e-5, 2: 3e-4, 208: 2e-5}  # about the size of a weight, times steps of a few bits


def write_gguf(
    path: Path,
    tensors: Mapping[str, Tensor],
    kind: str,
    naming: Callable[[str], str] = wans_own,
    plain: str = "F32",
) -> Path:
    """Linear weights of fitting width in `kind`, all others in `plain`.

    A type that cannot be quantised to in Python gets blocks of random bits, which are as good: they
    are decoded exactly.
    """
    writer = gguf.GGUFWriter(path, "wan")
    writer.add_description("a tiny model")
    for number, (name, value) in enumerate(tensors.items()):
        block = GGML_QUANT_SIZES[GGMLQuantizationType[kind]][0]
        fits = value.ndim == 2 and value.shape[-1] % block == 0 and name.endswith(".weight")
        stored = kind if fits else plain
        data = _stored(value, stored, number)
        writer.add_tensor(naming(name), data, raw_dtype=GGMLQuantizationType[stored])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _stored(value: Tensor, kind: str, seed: int) -> np.ndarray:
    if kind == "F32":
        return value.float().numpy()
    if kind == "F16":
        return value.half().numpy()
    if kind not in SCALES:
        return gguf.quants.quantize(value.float().numpy(), GGMLQuantizationType[kind])
    block, size = GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
    rows, width = value.shape
    blocks = np.random.default_rng(seed).integers(0, 256, (rows * width // block, size), np.uint8)
    for start in SCALES[kind]:
        scale = np.array([SMALL[start]], np.float16).view(np.uint8)
        blocks[:, start : start + 2] = scale
    return blocks.reshape(rows, width // block * size)
