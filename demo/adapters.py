"""Trainable adapters on the two experts, and what is left of them after training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import WanTransformer3DModel
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

ADAPTED = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]


@dataclass(frozen=True)
class Factors:
    """One layer's low-rank change: alpha / rank * up [out, rank] @ down [rank, in]."""

    down: Tensor
    up: Tensor
    alpha: float

    def delta(self) -> Tensor:
        """The change of the weight [out, in] at strength 1."""
        return self.alpha / self.down.shape[0] * (self.up @ self.down)


LayerFactors = dict[str, Factors]  # by module path in diffusers' naming


def add_adapter(transformer: WanTransformer3DModel, rank: int, alpha: float, seed: int) -> None:
    """Freeze the transformer and put a peft LoRA on every attention and ffn layer."""
    torch.manual_seed(seed)
    transformer.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=ADAPTED, init_lora_weights=True)
    inject_adapter_in_model(config, transformer)


def adapter_layers(transformer: WanTransformer3DModel) -> dict[str, LoraLayer]:
    """peft's layers by module path."""
    return {name: m for name, m in transformer.named_modules() if isinstance(m, LoraLayer)}


def tie_adapters(first: WanTransformer3DModel, second: WanTransformer3DModel) -> None:
    """Let both experts' adapters use the very same parameters."""
    theirs = adapter_layers(second)
    for name, layer in adapter_layers(first).items():
        theirs[name].lora_A = layer.lora_A
        theirs[name].lora_B = layer.lora_B


def trainable(*modules: nn.Module) -> list[nn.Parameter]:
    """Parameters that require gradients, each once."""
    unique = {id(p): p for module in modules for p in module.parameters() if p.requires_grad}
    return list(unique.values())


def factors(transformer: WanTransformer3DModel, alpha: float) -> LayerFactors:
    """The trained factors of a peft adapter."""
    return {
        name: Factors(
            layer.lora_A["default"].weight.detach().clone(),
            layer.lora_B["default"].weight.detach().clone(),
            alpha,
        )
        for name, layer in adapter_layers(transformer).items()
    }
