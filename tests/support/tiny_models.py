"""Small random Wan pipelines of each kind, saved as the diffusers folders that users have."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

Kind = Literal["t2v", "i2v", "ti2v"]
Z_DIM = 4
TEXT_DIM = 16


def tiny_transformer(
    in_channels: int = Z_DIM, layers: int = 2, seed: int = 0, width: int = 32
) -> Any:
    """A WanTransformer3DModel of 2 heads, with random weights of every kind.

    Blocks of K-quants are 256 numbers, which fit a `width` of that.
    """
    torch.manual_seed(seed)
    model = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=width // 2,
        in_channels=in_channels,
        out_channels=Z_DIM,
        text_dim=TEXT_DIM,
        freq_dim=32,
        ffn_dim=48 if width < 256 else width,
        num_layers=layers,
        rope_max_seq_len=64,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model.eval()


def tiny_inputs(in_channels: int = Z_DIM, timestep: float = 900.0) -> dict[str, torch.Tensor]:
    """Inputs of one forward pass, fixed by a seed."""
    generator = torch.Generator().manual_seed(7)
    return {
        "hidden_states": torch.randn(1, in_channels, 2, 4, 4, generator=generator),
        "timestep": torch.tensor([timestep]),
        "encoder_hidden_states": torch.randn(1, 6, TEXT_DIM, generator=generator),
    }


def save_tiny_model(folder: Path, kind: Kind = "t2v", seed: int = 0, width: int = 32) -> Path:
    """Write a whole pipeline; two experts for t2v and i2v, one for ti2v."""
    torch.manual_seed(seed)
    one_expert = kind == "ti2v"
    channels = 2 * Z_DIM + 4 if kind == "i2v" else Z_DIM
    pipeline_class = WanImageToVideoPipeline if kind == "i2v" else WanPipeline
    pipeline = pipeline_class(
        tokenizer=_tokenizer(),
        text_encoder=_text_encoder(),
        vae=tiny_vae(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        transformer=tiny_transformer(channels, seed=seed, width=width),
        transformer_2=None
        if one_expert
        else tiny_transformer(channels, seed=seed + 1, width=width),
        boundary_ratio=None if one_expert else 0.875,
        expand_timesteps=one_expert,
    )
    pipeline.save_pretrained(folder)
    return folder


def table_row(kind: Kind, path: Path) -> dict[str, Any]:
    """A model-table entry for a folder written by `save_tiny_model`."""
    one_expert = kind == "ti2v"
    return {
        "title": f"Tiny {kind}",
        "path": str(path),
        "repo": None,
        "revision": None,
        "pipeline": "WanImageToVideoPipeline" if kind == "i2v" else "WanPipeline",
        "architecture": "tiny",
        "image": {"t2v": "none", "i2v": "required", "ti2v": "optional"}[kind],
        "boundary_ratio": None if one_expert else 0.875,
        "width": 32,
        "height": 32,
        "size_multiple": 16,
        "num_frames": 5,
        "fps": 8,
        "steps": 4,
        "guidance_scale": 2.0,
        "guidance_scale_2": None if one_expert else 2.0,
        "flow_shift": 3.0,
        "negative_prompt": "",
    }


def _text_encoder() -> Any:
    config = UMT5Config(
        vocab_size=300, d_model=TEXT_DIM, d_kv=8, d_ff=32, num_layers=1, num_heads=2
    )
    return UMT5EncoderModel(config).eval()


def _tokenizer() -> PreTrainedTokenizerFast:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(chr(code), -3.0) for code in range(33, 127)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=512,
    )


def tiny_vae() -> Any:
    return AutoencoderKLWan(
        base_dim=8,
        z_dim=Z_DIM,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * Z_DIM,
        latents_std=[1.0] * Z_DIM,
    ).eval()
