"""LoRA files with real random factors, written as each trainer writes them, and their oracle.

The names here are written out independently of the app.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

Change = Callable[[Tensor], Tensor]  # a pristine parameter in float64 -> its change

ORIGINAL_NAMES = {
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
ORIGINAL_NORMS = {
    "attn1.norm_q": "self_attn.norm_q",
    "attn1.norm_k": "self_attn.norm_k",
    "attn2.norm_q": "cross_attn.norm_q",
    "attn2.norm_k": "cross_attn.norm_k",
    "norm2": "norm3",
}
ORIGINAL_ROOTS = {
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "proj_out": "head.head",
    "patch_embedding": "patch_embedding",
}
LINEARS = tuple(f"blocks.{block}.{name}" for block in range(2) for name in ORIGINAL_NAMES)


def original(module: str) -> str:
    """`blocks.0.attn1.to_q` -> `blocks.0.self_attn.q`."""
    if module in ORIGINAL_ROOTS:
        return ORIGINAL_ROOTS[module]
    head, block, name = module.split(".", 2)
    return f"{head}.{block}.{(ORIGINAL_NAMES | ORIGINAL_NORMS)[name]}"


@dataclass
class Made:
    """A file's tensors and, independently, the float64 change of each parameter at strength 1.

    `exact` maps expert -> parameter -> f(base in float64) -> change in float64.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    exact: dict[str, dict[str, Change]] = field(default_factory=lambda: {"high": {}, "low": {}})
    metadata: dict[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> Path:
        save_file(self.tensors, str(path), metadata=self.metadata or None)
        return path


def random(*shape: int, seed: int, scale: float = 0.3) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def lora_file(
    shapes: dict[str, tuple[int, ...]],
    key: Callable[[str, str], str],
    *,
    rank: int = 4,
    alpha: float | None = None,
    experts: tuple[str, ...] = ("high", "low"),
    seed: int = 1,
) -> Made:
    """Plain LoRA on every linear layer; `key(module, part)` names its tensors."""
    made = Made()
    for index, module in enumerate(LINEARS):
        rows, columns = shapes[f"{module}.weight"]
        down = random(rank, columns, seed=seed * 1000 + index)
        up = random(rows, rank, seed=seed * 2000 + index)
        made.tensors[key(module, "down")] = down
        made.tensors[key(module, "up")] = up
        if alpha is not None:
            made.tensors[key(module, "alpha")] = torch.tensor(alpha)
        scale = 1.0 if alpha is None else alpha / rank
        change = scale * (up.double() @ down.double())
        for expert in experts:
            made.exact[expert][f"{module}.weight"] = lambda base, change=change: change
    return made


def kohya(module: str, part: str) -> str:
    ending = {"down": "lora_down.weight", "up": "lora_up.weight", "alpha": "alpha"}[part]
    return f"lora_unet_{original(module).replace('.', '_')}.{ending}"


def diffusion_model(module: str, part: str) -> str:
    return f"diffusion_model.{original(module)}.lora_{'A' if part == 'down' else 'B'}.weight"


def combined_file(shapes: dict[str, tuple[int, ...]], seed: int = 5) -> Made:
    """ai-toolkit's one file for both experts, different factors for each."""
    made = Made()
    for number, expert in ((1, "high"), (2, "low")):

        def key(module: str, part: str, number: int = number) -> str:
            half = "A" if part == "down" else "B"
            return f"diffusion_model.transformer_{number}.{original(module)}.lora_{half}.weight"

        half = lora_file(shapes, key, experts=(expert,), seed=seed + number)
        made.tensors.update(half.tensors)
        made.exact[expert].update(half.exact[expert])
    return made


def lokr_file(shapes: dict[str, tuple[int, ...]], seed: int = 9) -> Made:
    """LyCORIS LoKr over diffusers' names: W1 full, W2 of rank 2, alpha 1."""
    made, rank, alpha, factor = Made(), 2, 1.0, 4
    for index, module in enumerate(LINEARS):
        rows, columns = shapes[f"{module}.weight"]
        stem = "lycoris_" + module.replace(".", "_")
        w1 = random(factor, factor, seed=seed * 1000 + index)
        left = random(rows // factor, rank, seed=seed * 2000 + index)
        right = random(rank, columns // factor, seed=seed * 3000 + index)
        made.tensors |= {
            f"{stem}.lokr_w1": w1,
            f"{stem}.lokr_w2_a": left,
            f"{stem}.lokr_w2_b": right,
            f"{stem}.alpha": torch.tensor(alpha),
        }
        change = alpha / rank * torch.kron(w1.double(), left.double() @ right.double())
        for expert in ("high", "low"):
            made.exact[expert][f"{module}.weight"] = lambda base, change=change: change
    return made


def accelerator_file(shapes: dict[str, tuple[int, ...]], seed: int = 13) -> Made:
    """LightX2V: LoRA with alpha, `.diff_b` on linears, `.diff` on norms, embedding and head."""

    def key(module: str, part: str) -> str:
        ending = {"down": "lora_down.weight", "up": "lora_up.weight", "alpha": "alpha"}[part]
        return f"diffusion_model.{original(module)}.{ending}"

    made = lora_file(shapes, key, alpha=2.0, seed=seed)
    full = {
        "diffusion_model.blocks.0.self_attn.q.diff_b": "blocks.0.attn1.to_q.bias",
        "diffusion_model.blocks.1.ffn.0.diff_b": "blocks.1.ffn.net.0.proj.bias",
        "diffusion_model.blocks.0.self_attn.norm_q.diff": "blocks.0.attn1.norm_q.weight",
        "diffusion_model.blocks.1.norm3.diff": "blocks.1.norm2.weight",
        "diffusion_model.patch_embedding.diff": "patch_embedding.weight",
        "diffusion_model.patch_embedding.diff_b": "patch_embedding.bias",
        "diffusion_model.head.head.diff": "proj_out.weight",
        "diffusion_model.head.head.diff_b": "proj_out.bias",
        "diffusion_model.time_embedding.0.diff": "condition_embedder.time_embedder.linear_1.weight",
        "diffusion_model.time_projection.1.diff_b": "condition_embedder.time_proj.bias",
    }
    for index, (name, parameter) in enumerate(full.items()):
        change = random(*shapes[parameter], seed=seed * 5000 + index, scale=0.05)
        made.tensors[name] = change
        for expert in ("high", "low"):
            made.exact[expert][parameter] = lambda base, change=change: change.double()
    return made
