"""Layer names of a Wan transformer: original and underscored → diffusers.

Source of the map: diffusers `scripts/convert_wan_to_diffusers.py`. VACE has a second row of blocks,
`vace_blocks`, which are blocks with a projection before and after. Original `norm3` is diffusers'
`norm2`, the only block norm with weights, so `norm2` in either naming means that one too.
FastVideo has names of its own (`configs/models/dits/wanvideo.py`): a block's self-attention is
spread over the block, as `to_q` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Naming = Literal["original", "diffusers"]

# Projections of one attention as one layer, which stand for these, one above the other: diffusers
# `WanAttention.fuse_projections`.
FUSED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "to_qkv": ("to_q", "to_k", "to_v"),
    "to_kv": ("to_k", "to_v"),
    "to_added_kv": ("add_k_proj", "add_v_proj"),
})  # fmt: skip

ORIGINAL_BLOCK = {
    "self_attn.q": "attn1.to_q",
    "self_attn.k": "attn1.to_k",
    "self_attn.v": "attn1.to_v",
    "self_attn.o": "attn1.to_out.0",
    "self_attn.norm_q": "attn1.norm_q",
    "self_attn.norm_k": "attn1.norm_k",
    "cross_attn.q": "attn2.to_q",
    "cross_attn.k": "attn2.to_k",
    "cross_attn.v": "attn2.to_v",
    "cross_attn.o": "attn2.to_out.0",
    "cross_attn.norm_q": "attn2.norm_q",
    "cross_attn.norm_k": "attn2.norm_k",
    "cross_attn.k_img": "attn2.add_k_proj",
    "cross_attn.v_img": "attn2.add_v_proj",
    "cross_attn.norm_k_img": "attn2.norm_added_k",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
    "norm3": "norm2",
    "modulation": "scale_shift_table",
    "self_attn.qkv": "attn1.to_qkv",
    "self_attn.to_qkv": "attn1.to_qkv",
    "self_attn.kv": "attn1.to_kv",
    "self_attn.to_kv": "attn1.to_kv",
    "cross_attn.qkv": "attn2.to_qkv",
    "cross_attn.to_qkv": "attn2.to_qkv",
    "cross_attn.kv": "attn2.to_kv",
    "cross_attn.to_kv": "attn2.to_kv",
    "cross_attn.kv_img": "attn2.to_added_kv",
    "cross_attn.to_added_kv": "attn2.to_added_kv",
    "self_attn.qkv_proj": "attn1.to_qkv",
    "cross_attn.kv_proj": "attn2.to_kv",
    # The gate of FastWan's sparse attention, which no model here has.
    "self_attn.to_gate_compress": "attn1.to_gate_compress",
}
_FASTVIDEO_BLOCK = {
    **{f"to_{letter}": f"attn1.to_{letter}" for letter in "qkv"},
    "to_out": "attn1.to_out.0",
    "to_qkv": "attn1.to_qkv",
    "to_gate_compress": "attn1.to_gate_compress",
    "norm_q": "attn1.norm_q",
    "norm_k": "attn1.norm_k",
    "self_attn_residual_norm.norm": "norm2",
    "ffn.fc_in": "ffn.net.0.proj",
    "ffn.fc_out": "ffn.net.2",
}
DIFFUSERS_BLOCK = {
    **{name: name for name in ORIGINAL_BLOCK.values()},
    "attn1.to_out": "attn1.to_out.0",  # the name in old attention processors
    "attn2.to_out": "attn2.to_out.0",
    **{f"attn{n}.{name}": f"attn{n}.to_{name}" for n in "12" for name in ("qkv", "kv")},
    **_FASTVIDEO_BLOCK,
}
# What VACE's blocks have beyond those of every Wan model.
_VACE_ORIGINAL = {"before_proj": "proj_in", "after_proj": "proj_out"}
_VACE_DIFFUSERS = {name: name for name in _VACE_ORIGINAL.values()}
ORIGINAL_ROOT = {
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
    "time_projection.1": "condition_embedder.time_proj",
    "img_emb.proj.0": "condition_embedder.image_embedder.norm1",
    "img_emb.proj.1": "condition_embedder.image_embedder.ff.net.0.proj",
    "img_emb.proj.3": "condition_embedder.image_embedder.ff.net.2",
    "img_emb.proj.4": "condition_embedder.image_embedder.norm2",
    "img_emb.emb_pos": "condition_embedder.image_embedder.pos_embed",
    "head.head": "proj_out",
    "head.modulation": "scale_shift_table",
    "patch_embedding": "patch_embedding",
    "vace_patch_embedding": "vace_patch_embedding",
}
_EMBEDDERS = "condition_embedder"
DIFFUSERS_ROOT = {
    **{name: name for name in ORIGINAL_ROOT.values()},
    "patch_embedding.proj": "patch_embedding",
    f"{_EMBEDDERS}.text_embedder.fc_in": f"{_EMBEDDERS}.text_embedder.linear_1",
    f"{_EMBEDDERS}.text_embedder.fc_out": f"{_EMBEDDERS}.text_embedder.linear_2",
    f"{_EMBEDDERS}.time_embedder.mlp.fc_in": f"{_EMBEDDERS}.time_embedder.linear_1",
    f"{_EMBEDDERS}.time_embedder.mlp.fc_out": f"{_EMBEDDERS}.time_embedder.linear_2",
    f"{_EMBEDDERS}.time_modulation.linear": f"{_EMBEDDERS}.time_proj",
    f"{_EMBEDDERS}.image_embedder.ff.fc_in": f"{_EMBEDDERS}.image_embedder.ff.net.0.proj",
    f"{_EMBEDDERS}.image_embedder.ff.fc_out": f"{_EMBEDDERS}.image_embedder.ff.net.2",
}

# Parameters that belong to no layer of their own: `module` is then the parameter's own path.

# DiffSynth-Studio holds VACE's blocks in a model of their own, `vace`.
_DOTTED_BLOCK = re.compile(r"(?:vace\.(?=vace_))?(vace_)?blocks\.(0|[1-9][0-9]{0,3})\.(.+)")
_UNDERSCORED_BLOCK = re.compile(r"(vace_)?blocks_(0|[1-9][0-9]{0,3})_(.+)")


def _underscored(*tables: Mapping[str, str]) -> Mapping[str, str]:
    merged: dict[str, str] = {}
    for table in tables:
        for name, target in table.items():
            assert merged.setdefault(name.replace(".", "_"), target) == target, name
    return MappingProxyType(merged)


UNDERSCORED_BLOCK = _underscored(ORIGINAL_BLOCK, DIFFUSERS_BLOCK)
UNDERSCORED_ROOT = _underscored(ORIGINAL_ROOT, DIFFUSERS_ROOT)
_VACE_UNDERSCORED = _underscored(_VACE_ORIGINAL, _VACE_DIFFUSERS)


def resolve_dotted(path: str) -> tuple[str, Naming] | None:
    """The diffusers path of a dotted layer name, and the naming it was written in."""
    tables = (
        (ORIGINAL_BLOCK, _VACE_ORIGINAL, ORIGINAL_ROOT),
        (DIFFUSERS_BLOCK, _VACE_DIFFUSERS, DIFFUSERS_ROOT),
    )
    namings: tuple[Naming, Naming] = ("original", "diffusers")
    match = _DOTTED_BLOCK.fullmatch(path)
    for naming, (block, vace, root) in zip(namings, tables, strict=True):
        if match and (tail := _in_block(match, block, vace)):
            return tail, naming
        if path in root:
            return root[path], naming
    return None


def _in_block(
    match: re.Match[str], block: Mapping[str, str], vace: Mapping[str, str]
) -> str | None:
    """The path of a block's layer; `vace` has the layers that only VACE's blocks have."""
    row, number, name = match[1] or "", match[2], match[3]
    tail = block.get(name) or (vace.get(name) if row else None)
    return f"{row}blocks.{number}.{tail}" if tail else None


def resolve_underscored(path: str) -> str | None:
    """The diffusers path of a name with underscores, or a mix of them with dots.

    Looked up in the table of known names, never guessed from the underscores.
    """
    path = path.replace(".", "_")
    match = _UNDERSCORED_BLOCK.fullmatch(path)
    if match:
        return _in_block(match, UNDERSCORED_BLOCK, _VACE_UNDERSCORED)
    return UNDERSCORED_ROOT.get(path)


def fused_into(module: str) -> tuple[str, ...]:
    """The layers that a fused one stands for, in the order of its rows; () if it is not fused."""
    path, _, name = module.rpartition(".")
    return tuple(f"{path}.{part}" for part in FUSED.get(name, ()))
