"""Forecasts against what mid-size models really hold: the most bytes of tensors at once.

torch tells of each allocation, so that the measure is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel

from wan_lora_studio.wan.memory.footprint import Footprint
from wan_lora_studio.wan.task import GenerationTask

MARGIN = 0.15
OF_2_1: dict[str, Any] = {"base_dim": 32, "z_dim": 16, "dim_mult": [1, 2, 4, 4]}
OF_2_2: dict[str, Any] = {
    "base_dim": 32, "decoder_base_dim": 64, "z_dim": 48, "dim_mult": [1, 2, 4, 4],
    "is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2,
    "scale_factor_spatial": 16, "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
}  # fmt: skip


def most_at_once(act: Callable[[], object]) -> int:
    """Bytes that are allocated while it runs, at their highest."""
    with torch.no_grad(), torch.profiler.profile(profile_memory=True) as seen:
        act()
    found = seen.profiler
    assert found is not None
    changes = sorted(
        (event.start_ns(), event.nbytes())
        for event in found.kineto_results.events()
        if event.name() == "[memory]"
    )
    held = highest = 0
    for _, change in changes:
        held += change
        highest = max(highest, held)
    return highest


def task(width: int, height: int, frames: int) -> GenerationTask:
    return GenerationTask(model_type="x", prompt="", width=width, height=height, num_frames=frames)


def close(foreseen: int, measured: int) -> None:
    assert abs(foreseen - measured) <= MARGIN * measured, f"{foreseen / measured:.2f}"


@pytest.mark.parametrize("config", [OF_2_1, OF_2_2], ids=["Wan 2.1", "Wan 2.2"])
def test_decoding(config: dict[str, Any]) -> None:
    torch.manual_seed(0)
    decoder = AutoencoderKLWan(**config).eval()
    asked = task(256, 256, 5)
    side = config.get("scale_factor_spatial", 8)
    latents = torch.randn(1, config["z_dim"], 2, 256 // side, 256 // side)
    foreseen = Footprint.of_tensors({}, {"vae": config}).decoding(asked)
    close(foreseen, most_at_once(lambda: decoder.decode(latents, return_dict=False)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["A14B", "5B"])
def test_a_forward_pass(kind: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    ratio = {"A14B": 2.7, "5B": 4.67}[kind]
    config = {"num_attention_heads": 4, "attention_head_dim": 128, "ffn_dim": int(512 * ratio)}
    model = WanTransformer3DModel(
        **config, num_layers=2, in_channels=16, out_channels=16, text_dim=64
    )
    model = model.to(dtype).eval()
    tokens = 5 * 16 * 16
    times = torch.full((1, tokens), 900.0) if kind == "5B" else torch.tensor([900])
    inputs = {
        "hidden_states": torch.randn(1, 16, 5, 32, 32, dtype=dtype),
        "encoder_hidden_states": torch.randn(1, 512, 64, dtype=dtype),
        "timestep": times,
    }
    vae = OF_2_2 if kind == "5B" else OF_2_1
    footprint = Footprint.of_tensors({}, {"transformer": config, "vae": vae})
    asked = task(16 * footprint.token, 16 * footprint.token, 17)
    foreseen = footprint.sampling(asked, dtype.itemsize)
    close(foreseen, most_at_once(lambda: model(**inputs, return_dict=False)))
