"""Module paths of a Wan transformer in diffusers' naming and in Wan's original naming."""

from __future__ import annotations

import re

_PARTS = (
    ("attn1.to_out.0", "self_attn.o"),
    ("attn2.to_out.0", "cross_attn.o"),
    ("attn1.to_", "self_attn."),
    ("attn2.to_", "cross_attn."),
    ("attn1.norm_", "self_attn.norm_"),
    ("attn2.norm_", "cross_attn.norm_"),
    ("ffn.net.0.proj", "ffn.0"),
    ("ffn.net.2", "ffn.2"),
    ("condition_embedder.time_embedder.linear_1", "time_embedding.0"),
    ("condition_embedder.time_embedder.linear_2", "time_embedding.2"),
    ("condition_embedder.text_embedder.linear_1", "text_embedding.0"),
    ("condition_embedder.text_embedder.linear_2", "text_embedding.2"),
    ("condition_embedder.time_proj", "time_projection.1"),
    ("proj_out", "head.head"),
)


def to_original(module: str) -> str:
    """`blocks.0.attn1.to_q` -> `blocks.0.self_attn.q`."""
    if re.fullmatch(r"blocks\.\d+\.norm2", module):
        return module.replace("norm2", "norm3")
    for ours, original in _PARTS:
        if ours in module:
            return module.replace(ours, original)
    return module


def to_diffusers(module: str) -> str:
    """`blocks.0.self_attn.q` -> `blocks.0.attn1.to_q`."""
    if re.fullmatch(r"blocks\.\d+\.norm3", module):
        return module.replace("norm3", "norm2")
    # norm_q and norm_k must be tried before the shorter pattern that they contain
    for ours, original in sorted(_PARTS, key=lambda part: -len(part[1])):
        if original in module:
            return module.replace(original, ours)
    return module
