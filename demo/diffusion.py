"""Flow matching as Wan2.2 uses it: two experts, each on its own side of the boundary."""

from __future__ import annotations

from typing import Literal

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanAttention, WanAttnProcessor
from torch import Tensor

from demo.train_text import TEXT_WIDTH
from demo.train_vae import LATENT_CHANNELS

Expert = Literal["high", "low"]
EXPERTS: tuple[Expert, Expert] = ("high", "low")
BOUNDARY = 0.875
FLOW_SHIFT = 3.0
LATENT_SHAPE = (LATENT_CHANNELS, 5, 16, 16)


class BiasedCrossAttention(WanAttnProcessor):  # type: ignore[misc]
    """Cross-attention with the bias that `Prompts` gives; used in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.bias: Tensor | None = None

    def __call__(
        self,
        attn: WanAttention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        mask = None if self.bias is None else self.bias.expand(-1, -1, hidden_states.shape[1], -1)
        result: Tensor = super().__call__(
            attn, hidden_states, encoder_hidden_states, mask, rotary_emb
        )
        return result


def new_transformer() -> WanTransformer3DModel:
    """An untrained expert."""
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=5,
        attention_head_dim=32,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        text_dim=TEXT_WIDTH,
        freq_dim=128,
        ffn_dim=512,
        num_layers=5,
        cross_attn_norm=True,
        rope_max_seq_len=256,
    )


def with_prompt_bias(transformer: WanTransformer3DModel) -> BiasedCrossAttention:
    """Let the transformer's cross-attention read a bias from the returned processor."""
    processor = BiasedCrossAttention()
    for block in transformer.blocks:
        block.attn2.set_processor(processor)
    return processor


def draw_sigma(expert: Expert, count: int, rng: torch.Generator) -> Tensor:
    """Noise levels [count] on this expert's side, evenly spread in each of its two bands.

    The transformer's positions are relative, so in pure noise no token knows where it is;
    place and motion are decided where shapes just begin to show. That band gets most draws.
    """
    bands = {"high": ((0.875, 0.945), (0.945, 1.0), 0.7), "low": ((0.6, 0.875), (0.0, 0.6), 0.55)}
    favoured, other, share = bands[expert]
    uniform = (torch.arange(count) + torch.rand(count, generator=rng)) / count
    inside = uniform < share
    first = favoured[0] + (favoured[1] - favoured[0]) * uniform / share
    second = other[0] + (other[1] - other[0]) * (uniform - share) / (1 - share)
    return torch.where(inside, first, second)


def noised(clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """The straight path from a clean latent (sigma 0) to noise (sigma 1)."""
    weight = sigma.view(-1, 1, 1, 1, 1)
    return (1 - weight) * clean + weight * noise


def velocity(
    transformer: WanTransformer3DModel,
    processor: BiasedCrossAttention,
    x: Tensor,
    sigma: Tensor,
    prompt: tuple[Tensor, Tensor],
) -> Tensor:
    """The transformer's output for noisy latents x at noise levels sigma [B]."""
    states, processor.bias = prompt
    result: Tensor = transformer(x, sigma * 1000, states, return_dict=False)[0]
    return result
