"""Tiny pipelines of each kind of Wan model that hosts use, as diffusers' own classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
import torch
from diffusers import UniPCMultistepScheduler, WanTransformer3DModel, WanVACETransformer3DModel

from tests.support.tiny_models import TEXT_DIM, Z_DIM, tiny_transformer

IMAGE_DIM = 24
CONTROL_CHANNELS = 12
FLOW_SHIFT = 3.0
WIDTH = 32


def of_config(kind: type = WanTransformer3DModel, seed: int = 0, **more: Any) -> Any:
    """`tiny_transformer` with more in its config, or of the class for VACE."""
    torch.manual_seed(seed)
    usual = {
        "patch_size": (1, 2, 2), "num_attention_heads": 2, "attention_head_dim": WIDTH // 2,
        "in_channels": Z_DIM, "out_channels": Z_DIM, "text_dim": TEXT_DIM, "freq_dim": 32,
        "ffn_dim": 48, "num_layers": 2, "rope_max_seq_len": 64,
    }  # fmt: skip
    return kind(**{**usual, **more}).eval()


def pipeline_of(
    name: str,
    transformer: Any,
    transformer_2: Any = None,
    boundary: float | None = None,
    **more: Any,
) -> Any:
    """One of diffusers' Wan pipelines around transformers, without what LoRAs do not touch."""
    return getattr(diffusers, name)(
        tokenizer=None, text_encoder=None, vae=None,
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=FLOW_SHIFT
        ),
        transformer=transformer, **more,
        **({} if transformer_2 is None else {"transformer_2": transformer_2}),
        **({} if boundary is None else {"boundary_ratio": boundary}),
    )  # fmt: skip


def image_model(seed: int = 0, **more: Any) -> Any:
    """As Wan2.1's for image to video, with layers for the picture's embedding."""
    layers = {"image_dim": IMAGE_DIM, "added_kv_proj_dim": WIDTH}
    return of_config(seed=seed, in_channels=2 * Z_DIM + 4, **layers, **more)


def vace_model(seed: int = 0) -> Any:
    control = {"vace_layers": [0, 2], "vace_in_channels": CONTROL_CHANNELS}
    return of_config(WanVACETransformer3DModel, seed, num_layers=4, **control)


# What a host may have: Wan2.1's three, Fun's and VACE, and Wan2.2's three.
KINDS: dict[str, Callable[[], Any]] = {
    "2.1 t2v": lambda: pipeline_of("WanPipeline", tiny_transformer()),
    "2.1 v2v": lambda: pipeline_of("WanVideoToVideoPipeline", tiny_transformer()),
    "2.1 i2v": lambda: pipeline_of(
        "WanImageToVideoPipeline", image_model(), image_encoder=None, image_processor=None
    ),
    "fun control": lambda: pipeline_of("WanPipeline", image_model(pos_embed_seq_len=6)),
    "vace": lambda: pipeline_of("WanVACEPipeline", vace_model()),
    "vace, two experts": lambda: pipeline_of(
        "WanVACEPipeline", vace_model(), vace_model(seed=1), 0.875
    ),
    "2.2 t2v": lambda: pipeline_of(
        "WanPipeline", tiny_transformer(), tiny_transformer(seed=1), 0.875
    ),
    "2.2 i2v": lambda: pipeline_of(
        "WanImageToVideoPipeline",
        of_config(in_channels=2 * Z_DIM + 4),
        of_config(seed=1, in_channels=2 * Z_DIM + 4),
        0.9,
        image_encoder=None,
        image_processor=None,
    ),
    "2.2 ti2v": lambda: pipeline_of("WanPipeline", tiny_transformer(), expand_timesteps=True),
}
