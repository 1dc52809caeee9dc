"""Which expert a file is for, and which evidence decided it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.loras.files import (
    layer_keys,
    musubi,
)
from wan_lora_studio.lora.inspection.info import LoRAInfo
from wan_lora_studio.lora.inspection.role_evidence import (
    EvidenceSource,
    EvidenceStrength,
    RoleEvidence,
)


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
    assert info.expert == role, info.evidence.sentence


def test_evidence_counts_in_its_order(inspect: Callable[..., LoRAInfo]) -> None:
    high = layer_keys("diffusion_model.transformer_1.{m}")
    meta = {"modelspec.timestep_range": "0,875", "ss_sd_model_name": "wan_high_noise.safetensors"}
    hint = "high_noise/style_HIGH.safetensors"
    by_keys = inspect(high, name="style_low", metadata=meta)
    assert by_keys.expert == "high"
    assert "keys" in by_keys.evidence.sentence
    by_range = inspect(musubi(), metadata=meta, name_hint=hint)
    assert by_range.expert == "low"
    assert "0,875" in by_range.evidence.sentence
    del meta["modelspec.timestep_range"]
    assert inspect(musubi(), metadata=meta, name_hint="a_low.safetensors").expert == "low"
    assert inspect(musubi(), metadata=meta, name_hint="low_noise/a.safetensors").expert == "low"
    assert inspect(musubi(), metadata=meta, name_hint="a.safetensors").expert == "high"
    assert inspect(musubi(), name_hint="low_noise/a.safetensors").expert == "low"
    assert inspect(musubi(), name_hint="low_noise/a_HIGH.safetensors").expert == "high"
    whole = {"modelspec.timestep_range": "0,1000"}
    assert inspect(musubi(), metadata=whole, name_hint="a_HIGH.safetensors").expert == "both"


@pytest.mark.parametrize(
    ("name", "expert", "strength"),
    [("style_HIGH", "high", "strong"), ("style_low", "low", "strong"), ("style", "unsure", "weak")],
)
def test_low_as_the_models_name_is_weak_evidence(
    inspect: Callable[..., LoRAInfo], name: str, expert: str, strength: str
) -> None:
    """musubi writes the low model's name into a file that it trained for both experts at once."""
    meta = {"ss_sd_model_name": "wan2.2_t2v_low_noise_14B_fp16.safetensors"}
    info = inspect(musubi(), metadata=meta, name_hint=f"{name}.safetensors")
    assert (info.expert, info.evidence.strength) == (expert, strength)
    whole = meta | {"modelspec.timestep_range": "0,1000"}
    assert inspect(musubi(), metadata=whole, name_hint="style.safetensors").expert == "both"


@pytest.mark.parametrize(
    ("timesteps", "expert"),
    [("0.9,1.0", "high"), ("0.875, 1", "high"), ("0.0 - 0.875", "low"), ("0,1", "both")],
)
def test_timesteps_as_shares(inspect: Callable[..., LoRAInfo], timesteps: str, expert: str) -> None:
    meta = {"modelspec.timestep_range": timesteps}
    assert inspect(musubi(), metadata=meta, name_hint="style.safetensors").expert == expert


def test_the_folder_of_the_model_counts_where_its_file_says_nothing(
    inspect: Callable[..., LoRAInfo],
) -> None:
    for expert, found in (("high", "high"), ("low", "unsure")):
        path = f"C:\\Wan2.2-T2V-A14B\\{expert}_noise_model\\diffusion_pytorch_model.safetensors"
        meta = {"ss_sd_model_name": path}
        assert inspect(musubi(), metadata=meta, name_hint="style.safetensors").expert == found


def test_names_say_nothing_of_a_file_for_one_transformer(
    inspect: Callable[..., LoRAInfo],
) -> None:
    wide = {
        "blocks.0.self_attn.q.lora_A.weight": (4, 3072),
        "blocks.0.self_attn.q.lora_B.weight": (3072, 4),
    }
    meta = {"ss_sd_model_name": "wan2.2_low_noise.safetensors"}
    assert inspect(wide, metadata=meta, name_hint="style_HIGH.safetensors").expert == "both"
    assert inspect(musubi(), name_hint="5B/style_HIGH.safetensors").expert == "both"
    assert inspect(musubi(), name_hint="5B/style_14B_HIGH.safetensors").expert == "high"


@pytest.mark.parametrize("source", EvidenceSource)
def test_evidence_is_kept_as_it_is_and_has_a_sentence(source: EvidenceSource) -> None:
    evidence = RoleEvidence("high", source, EvidenceStrength.STRONG, "x|{y}")
    assert RoleEvidence.from_text(evidence.to_text()) == evidence
    assert evidence.to_dict()["source"] == source.value
    assert evidence.sentence
    assert not evidence.sentence.endswith(".")
    with pytest.raises(ValueError, match="values to unpack"):
        RoleEvidence.from_text("high")
    with pytest.raises(ValueError, match="no role"):
        RoleEvidence.from_text("middle|keys|strong|")
