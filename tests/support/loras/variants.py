"""LoRAs for every layer of a Wan model of any kind, as trainers write them, and their oracle.

The names are written out independently of the app. Sources: DiffSynth-Studio's training scripts
(`--lora_base_model vace`, with and without `--remove_prefix_in_ckpt pipe.vace.`), ai-toolkit's
and diffusers' names, VideoX-Fun's flattened ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.support.loras.weights import ORIGINAL_NAMES, ORIGINAL_ROOTS, Made, random

NAMES = {
    **ORIGINAL_NAMES,
    "attn2.add_k_proj": "cross_attn.k_img",
    "attn2.add_v_proj": "cross_attn.v_img",
    "proj_in": "before_proj",
    "proj_out": "after_proj",
}
ROOTS = {
    **ORIGINAL_ROOTS,
    "condition_embedder.image_embedder.ff.net.0.proj": "img_emb.proj.1",
    "condition_embedder.image_embedder.ff.net.2": "img_emb.proj.3",
}
Spelling = Callable[[str, str], str]  # (layer in diffusers' names, down or up) -> key


def original(module: str) -> str:
    if module in ROOTS:
        return ROOTS[module]
    row, number, name = module.split(".", 2)
    return f"{row}.{number}.{NAMES[name]}"


def diffusers(module: str, half: str) -> str:
    return f"transformer.{module}.lora_{'A' if half == 'down' else 'B'}.weight"


def ai_toolkit(module: str, half: str) -> str:
    return f"diffusion_model.{original(module)}.lora_{'A' if half == 'down' else 'B'}.weight"


def diffsynth(module: str, half: str) -> str:
    return f"{original(module)}.lora_{'A' if half == 'down' else 'B'}.default.weight"


def diffsynth_with_prefix(module: str, half: str) -> str:
    holder = "vace" if module.startswith("vace_") else "dit"
    return f"pipe.{holder}.{diffsynth(module, half)}"


def videox_fun(module: str, half: str) -> str:
    return f"lora_unet__{original(module).replace('.', '_')}.lora_{half}.weight"


def musubi(module: str, half: str) -> str:
    return f"lora_unet_{original(module).replace('.', '_')}.lora_{half}.weight"


SPELLINGS: dict[str, Spelling] = {
    "diffusers": diffusers,
    "ai-toolkit": ai_toolkit,
    "DiffSynth": diffsynth,
    "DiffSynth, with its prefix": diffsynth_with_prefix,
    "VideoX-Fun": videox_fun,
    "musubi": musubi,
}


def linears_of(transformer: Any) -> list[str]:
    return [
        name for name, module in transformer.named_modules() if isinstance(module, torch.nn.Linear)
    ]


def lora_for(
    transformer: Any,
    spelling: Spelling = diffusers,
    *,
    only: str = "",
    rank: int = 4,
    seed: int = 1,
) -> Made:
    """A LoRA on every linear layer whose name begins with `only`."""
    made = Made()
    for index, module in enumerate(linears_of(transformer)):
        if not module.startswith(only):
            continue
        rows, columns = transformer.get_submodule(module).weight.shape
        down = random(rank, columns, seed=seed * 1000 + index)
        up = random(rows, rank, seed=seed * 2000 + index)
        made.tensors[spelling(module, "down")] = down
        made.tensors[spelling(module, "up")] = up
        change = up.double() @ down.double()
        for expert in ("high", "low"):
            made.exact[expert][f"{module}.weight"] = lambda base, change=change: change
    return made
