"""Puts the trained parts into one folder that `WanPipeline.from_pretrained` loads."""

from __future__ import annotations

import json
from pathlib import Path

from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from transformers import T5Tokenizer, UMT5EncoderModel

from demo.diffusion import BOUNDARY, FLOW_SHIFT


def new_scheduler() -> UniPCMultistepScheduler:
    """The sampler that Wan2.2 uses, at the demo model's flow shift."""
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=FLOW_SHIFT
    )


def assembled(vae: Path, text: Path, high: Path, low: Path) -> WanPipeline:
    """The pipeline made of the parts in these folders."""
    return WanPipeline(
        tokenizer=T5Tokenizer.from_pretrained(text / "tokenizer"),
        text_encoder=UMT5EncoderModel.from_pretrained(text / "text_encoder"),
        vae=AutoencoderKLWan.from_pretrained(vae),
        scheduler=new_scheduler(),
        transformer=WanTransformer3DModel.from_pretrained(high),
        transformer_2=WanTransformer3DModel.from_pretrained(low),
        boundary_ratio=BOUNDARY,
    )


def save(pipeline: WanPipeline, folder: Path) -> None:
    """Write the pipeline folder, without the paths that its parts were loaded from."""
    pipeline.save_pretrained(folder)
    for file in folder.rglob("*.json"):
        text = json.loads(file.read_text())
        if isinstance(text, dict) and text.pop("_name_or_path", None) is not None:
            file.write_text(json.dumps(text, indent=2) + "\n")
