"""Recognition: what a weight file is, by the names, shapes and types in its header.

A file's name counts only where the header cannot tell: two models may have the same layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.lora.inspection import TransformerShape, known_shapes
from wan_lora_studio.settings import Component
from wan_lora_studio.texts import say
from wan_lora_studio.wan.found_models.headers import Tensors
from wan_lora_studio.wan.weights import SCALES, prefix_of

BLOCK = re.compile(r"blocks\.(\d+)\.")
# What the names of a Wan transformer begin with, in Wan's own naming and in diffusers'.
TOPS = frozenset({
    "patch_embedding", "text_embedding", "time_embedding", "time_projection", "blocks", "head",
    "img_emb", "condition_embedder", "proj_out", "scale_shift_table", "scaled_fp8",
})  # fmt: skip
QUERIES = ("blocks.0.self_attn.q.", "blocks.0.attn1.to_q.")
WIDENED = ("blocks.0.ffn.0.weight", "blocks.0.ffn.net.0.proj.weight")
FLOATS: Mapping[str, str] = {
    "F32": "fp32", "F16": "fp16", "BF16": "bf16", "F8_E4M3": "fp8", "F8_E5M2": "fp8",
}  # fmt: skip
VOCABULARY = (256_384, 4096)  # UMT5-XXL's
# Where it is, in transformers' names, Wan's own, and those of GGUF.
EMBEDDINGS = (
    "shared.weight", "encoder.embed_tokens.weight", "token_embedding.weight", "token_embd.weight",
)  # fmt: skip
QUANTISATION = re.compile(r"(?<![A-Za-z0-9])I?Q\d_(?:K(?:_[SML])?|0|1|NL|XS)(?![A-Za-z0-9])", re.I)
VAES: Mapping[int, str] = {16: "wan2.1", 48: "wan2.2"}  # by the channels of their latents


@dataclass(frozen=True)
class Recognised:
    """What a file holds. `kinds` are the architectures that it may be, or the VAE's generation;
    `why`, where it is not usable, is the end of a sentence."""

    component: Component
    kinds: tuple[str, ...] = ()
    storage: str = ""
    why: str = ""


def recognised(tensors: Tensors, path: Path) -> Recognised | None:
    """None for what is no part of a Wan model."""
    shapes = _without_prefix(tensors.shapes)
    return (
        _transformer(shapes, tensors, path)
        or _text_encoder(shapes, tensors, path)
        or _vae(shapes, tensors, path)
    )


def _without_prefix(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    prefix = prefix_of(shapes)
    return {name.removeprefix(prefix): shape for name, shape in shapes.items()}


def _transformer(
    shapes: Mapping[str, tuple[int, ...]], tensors: Tensors, path: Path
) -> Recognised | None:
    patch = shapes.get("patch_embedding.weight")
    if patch is None or not any(name.startswith(QUERIES) for name in shapes):
        return None
    if strange := sorted({top for name in shapes if (top := name.split(".")[0]) not in TOPS}):
        why = say("wan.found_models.unknown_layers", layers=strange[0])
        return Recognised("transformer", why=why)
    kind, why = _storage(tensors, path)
    if why:
        return Recognised("transformer", why=why)
    widened = next((shapes[name] for name in WIDENED if name in shapes), ())
    if len(patch) != 5 or len(widened) != 2:
        return Recognised("transformer", why=say("wan.found_models.unknown_shapes"))
    blocks = {int(found[1]) for name in shapes if (found := BLOCK.match(name))}
    image = any(name.startswith(("img_emb.", "condition_embedder.image")) for name in shapes)
    own = TransformerShape(patch[0], patch[1], len(blocks), widened[0], image)
    kinds = tuple(name for name, shape in known_shapes().items() if shape == own)
    if not kinds:
        why = say(
            "wan.found_models.unknown_size",
            width=own.width,
            blocks=own.blocks,
            channels=own.in_channels,
        )
        return Recognised("transformer", why=why)
    return Recognised("transformer", kinds, kind)


def _text_encoder(
    shapes: Mapping[str, tuple[int, ...]], tensors: Tensors, path: Path
) -> Recognised | None:
    if not any(shapes.get(name) == VOCABULARY for name in EMBEDDINGS):
        return None
    kind, why = _storage(tensors, path)
    if tensors.gguf:
        why = say("wan.found_models.gguf_encoder")
    return Recognised("text_encoder", ("umt5-xxl",), kind, why)


def _vae(shapes: Mapping[str, tuple[int, ...]], tensors: Tensors, path: Path) -> Recognised | None:
    latent = shapes.get("conv2.weight") or shapes.get("post_quant_conv.weight") or ()
    first = shapes.get("decoder.conv1.weight") or shapes.get("decoder.conv_in.weight") or ()
    if len(latent) != 5 or len(first) != 5 or first[1] != latent[0] or latent[0] not in VAES:
        return None
    kind, why = _storage(tensors, path)
    if "wan" not in path.stem.lower():
        # Qwen-Image's has the very same layers.
        why = why or say("wan.found_models.unclear_vae")
    return Recognised("vae", (VAES[latent[0]],), kind, why)


def _storage(tensors: Tensors, path: Path) -> tuple[str, str]:
    """In which form its numbers are kept, and else why that is not read."""
    main = tensors.main_type
    if tensors.gguf:
        named = QUANTISATION.search(path.stem)
        exact = named is not None and named[0].upper().startswith(main)
        return f"GGUF {named[0].upper() if named and exact else main}", ""
    if main not in FLOATS or (missing := _packed(tensors.shapes)):
        what = main if main not in FLOATS else missing
        return "", say("wan.found_models.quantised", kind=what)
    scaled = any(name.endswith(SCALES) for name in tensors.shapes)
    return FLOATS[main] + (" scaled" if scaled else ""), ""


def _packed(names: Iterable[str]) -> str:
    """The ending by which a library for quantised weights is known; "" if there is none."""
    endings = ("._data", ".qweight", ".absmax", ".quant_map", ".weight_packed")
    return next((end for name in names for end in endings if name.endswith(end)), "")
