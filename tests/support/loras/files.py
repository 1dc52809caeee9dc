"""LoRA files for tests: key tables of every layout, written as real safetensors files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wan_lora_studio.settings import Settings, load_settings

DIM, FFN, RANK, BLOCKS = 16, 32, 4, 2
BLOCK_LAYERS = {
    # original name → (diffusers name, out features, in features)
    "self_attn.q": ("attn1.to_q", DIM, DIM),
    "self_attn.k": ("attn1.to_k", DIM, DIM),
    "self_attn.v": ("attn1.to_v", DIM, DIM),
    "self_attn.o": ("attn1.to_out.0", DIM, DIM),
    "cross_attn.q": ("attn2.to_q", DIM, DIM),
    "cross_attn.k": ("attn2.to_k", DIM, DIM),
    "cross_attn.v": ("attn2.to_v", DIM, DIM),
    "cross_attn.o": ("attn2.to_out.0", DIM, DIM),
    "ffn.0": ("ffn.net.0.proj", FFN, DIM),
    "ffn.2": ("ffn.net.2", DIM, FFN),
}
TINY_CONFIG = {
    "_class_name": "WanTransformer3DModel",
    "num_attention_heads": 2,
    "attention_head_dim": DIM // 2,
    "num_layers": BLOCKS,
    "ffn_dim": FFN,
    "in_channels": 4,
    "out_channels": 4,
    "text_dim": 12,
    "freq_dim": 8,
}

Tensors = dict[str, np.ndarray]


def random_tensors(shapes: Mapping[str, Sequence[int]], seed: int = 0) -> Tensors:
    """Small float32 tensors; keys ending in `alpha` hold half the rank."""
    rng = np.random.default_rng(seed)
    return {
        key: np.full(tuple(shape), RANK / 2, np.float32)
        if key.endswith("alpha")
        else (rng.standard_normal(tuple(shape)) * 0.1).astype(np.float32)
        for key, shape in shapes.items()
    }


def layer_keys(
    pattern: str,
    *,
    diffusers: bool = False,
    underscored: bool = False,
    down: str = "lora_A.weight",
    up: str = "lora_B.weight",
    alpha: bool = False,
    blocks: int = BLOCKS,
    dim_scale: int = 1,
    only: Sequence[str] = tuple(BLOCK_LAYERS),
) -> dict[str, tuple[int, ...]]:
    """Key → shape of a LoRA on the blocks; `pattern` has `{m}` for the layer's full name."""
    found: dict[str, tuple[int, ...]] = {}
    for block in range(blocks):
        for original in only:
            name, out, inp = BLOCK_LAYERS[original]
            path = f"blocks.{block}.{name if diffusers else original}"
            stem = pattern.format(m=path.replace(".", "_") if underscored else path)
            found[f"{stem}.{down}"] = (RANK, inp * dim_scale)
            found[f"{stem}.{up}"] = (out * dim_scale, RANK)
            if alpha:
                found[f"{stem}.alpha"] = ()
    return found


def musubi(**kwargs: Any) -> dict[str, tuple[int, ...]]:
    return layer_keys(
        "lora_unet_{m}",
        underscored=True,
        down="lora_down.weight",
        up="lora_up.weight",
        alpha=True,
        **kwargs,
    )


def diffusion_pipe(**kwargs: Any) -> dict[str, tuple[int, ...]]:
    return layer_keys("diffusion_model.{m}", **kwargs)


def lokr(factor: int = 4) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for block in range(BLOCKS):
        for name, (_, out, inp) in BLOCK_LAYERS.items():
            stem = f"lycoris_blocks_{block}_{name.replace('.', '_')}"
            found[f"{stem}.lokr_w1"] = (factor, factor)
            found[f"{stem}.lokr_w2_a"] = (out // factor, RANK)
            found[f"{stem}.lokr_w2_b"] = (RANK, inp // factor)
            found[f"{stem}.alpha"] = ()
    return found


def write_safetensors(
    path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a file of float32, float16, int64 or uint16 (as BF16) tensors."""
    names = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "uint16": "BF16"}
    header: dict[str, Any] = {}
    if metadata:
        header["__metadata__"] = dict(metadata)
    position, blobs = 0, []
    for key, value in tensors.items():
        blob = np.ascontiguousarray(value).tobytes()
        offsets = [position, position + len(blob)]
        header[key] = {
            "dtype": names[str(value.dtype)],
            "shape": list(value.shape),
            "data_offsets": offsets,
        }
        position += len(blob)
        blobs.append(blob)
    return write_raw(path, json.dumps(header), b"".join(blobs))


def write_raw(path: Path, header: str | bytes, data: bytes = b"") -> Path:
    """Write a header text and data as they are, however wrong."""
    raw = header.encode() if isinstance(header, str) else header
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return path


def write_lora(
    path: Path,
    shapes: Mapping[str, Sequence[int]] | None = None,
    metadata: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Path:
    """A complete LoRA for the tiny model (musubi layout unless `shapes` are given)."""
    return write_safetensors(path, random_tensors(shapes or musubi(), seed), metadata)


def tiny_model(models_dir: Path, name: str = "demo", **changes: Any) -> Path:
    """A model folder that holds only `transformer/config.json` of the tiny model."""
    folder = models_dir / name / "transformer"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**TINY_CONFIG, **changes}))
    return folder.parent


def add_pair(
    root: Path, stem: str = "style", *, words: tuple[str, str] = ("_high_noise", "_low_noise")
) -> None:
    """Two files that are the halves of one LoRA."""
    for seed, word in enumerate(words):
        write_lora(root / f"{stem}{word}.safetensors", seed=seed + 10)


def lora_of_others(folder: Path) -> Path:
    """Write one LoRA of others, `theirs`, with a text beside it; the folder."""
    write_lora(folder / "deep" / "theirs.safetensors", seed=3)
    (folder / "deep" / "theirs.txt").write_text("of theirs")
    return folder


def beside_writable_folder(tmp_path: Path, extra: Path) -> Settings:
    """A library beside an extra folder in which it may change things."""
    folders = [{"path": str(extra), "writable": True}]
    return load_settings(loras_dir=tmp_path / "loras", extra_lora_dirs=folders)
