"""How each trainer names the tensors of a layer, written out independently of the app.

A naming maps (diffusers module, canonical part) to the file's key.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

Naming = Callable[[str, str], str]

ORIGINAL_NAMES = MappingProxyType(
    {
        "attn1.to_q": "self_attn.q",
        "attn1.to_k": "self_attn.k",
        "attn1.to_v": "self_attn.v",
        "attn1.to_out.0": "self_attn.o",
        "attn2.to_q": "cross_attn.q",
        "attn2.to_k": "cross_attn.k",
        "attn2.to_v": "cross_attn.v",
        "attn2.to_out.0": "cross_attn.o",
        "ffn.net.0.proj": "ffn.0",
        "ffn.net.2": "ffn.2",
    }
)
AB = MappingProxyType(
    {
        "lora_down": "lora_A.weight",
        "lora_up": "lora_B.weight",
        "lora_up_bias": "lora_B.bias",
        "dora_scale": "lora_magnitude_vector",
    }
)
DOWN_UP = MappingProxyType({"lora_down": "lora_down.weight", "lora_up": "lora_up.weight"})
DEFAULT_ADAPTER = MappingProxyType(
    {"lora_down": "lora_A.default.weight", "lora_up": "lora_B.default.weight"}
)
OLD = MappingProxyType({"lora_down": "lora.down.weight", "lora_up": "lora.up.weight"})


def original(module: str) -> str:
    """`blocks.0.attn1.to_q` -> `blocks.0.self_attn.q`."""
    blocks, number, name = module.split(".", 2)
    return f"{blocks}.{number}.{ORIGINAL_NAMES[name]}"


def unchanged(module: str) -> str:
    return module


def dotted(
    prefix: str, name: Callable[[str], str] = original, parts: MappingProxyType[str, str] = AB
) -> Naming:
    """`<prefix>blocks.0.self_attn.q.<part>`."""
    return lambda module, part: f"{prefix}{name(module)}.{parts.get(part, part)}"


def underscored(prefix: str, name: Callable[[str], str] = original) -> Naming:
    """`<prefix>blocks_0_self_attn_q.<part>`, as kohya's networks write it."""
    return lambda module, part: (
        f"{prefix}{name(module).replace('.', '_')}.{DOWN_UP.get(part, part)}"
    )


def mixed(module: str, part: str) -> str:
    """`lora_unet_blocks_0.self_attn.q.<part>`: underscores up to the block, dots after it."""
    _, number, name = original(module).split(".", 2)
    return f"lora_unet_blocks_{number}.{name}.{DOWN_UP.get(part, part)}"
