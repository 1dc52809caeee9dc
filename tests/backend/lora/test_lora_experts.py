"""Which expert a file is for, and which evidence decided it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lora_files import (
    layer_keys,
    musubi,
)

from backend.lora.info import LoRAInfo


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("style_HIGH", "high"), ("style_low", "low"), ("style-H", "high"), ("style-L", "low"),
        ("high_noise_model", "high"), ("StyleHighNoise_v2", "high"), ("w22_HIGH_style_14B", "high"),
        ("style_LOWNOISE", "low"), ("wan2.2_t2v_high_noise_lora_rank64_4step", "high"),
        ("style_high_low", "both"), ("HIGH_low_noise", "low"), ("low_noise_low_step", "low"),
        ("lowvram_style", "both"), ("low_angle_shot", "both"), ("low_cfg", "both"),
        ("low_res_fix", "both"), ("low_step_distill", "both"), ("lowStep", "both"),
        ("style", "both"), ("flow_matching", "both"), ("highlights", "both"), ("slowmo", "both"),
        ("high_heels", "both"), ("style_HIGH_step_2000", "high"), ("style_HIGH_rank32", "high"),
        ("Hollow-Knight", "both"), ("L", "both"),
    ],
)  # fmt: skip
def test_role_from_the_name(inspect: Callable[..., LoRAInfo], name: str, role: str) -> None:
    info = inspect(musubi(), name=name, name_hint=f"{name}.safetensors")
    assert info.expert == role, info.expert_evidence


def test_evidence_counts_in_its_order(inspect: Callable[..., LoRAInfo]) -> None:
    high = layer_keys("diffusion_model.transformer_1.{m}")
    meta = {"modelspec.timestep_range": "0,875", "ss_sd_model_name": "wan_high_noise.safetensors"}
    hint = "high_noise/style_HIGH.safetensors"
    by_keys = inspect(high, name="style_low", metadata=meta)
    assert by_keys.expert == "high"
    assert "keys" in by_keys.expert_evidence
    by_range = inspect(musubi(), metadata=meta, name_hint=hint)
    assert by_range.expert == "low"
    assert "0,875" in by_range.expert_evidence
    del meta["modelspec.timestep_range"]
    assert inspect(musubi(), metadata=meta, name_hint="a_low.safetensors").expert == "high"
    assert inspect(musubi(), name_hint="low_noise/a.safetensors").expert == "low"
    assert inspect(musubi(), name_hint="low_noise/a_HIGH.safetensors").expert == "high"
    whole = {"modelspec.timestep_range": "0,1000"}
    assert inspect(musubi(), metadata=whole, name_hint="a_HIGH.safetensors").expert == "both"
