"""The computed parameters are those of the real class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel, WanVACETransformer3DModel

from tests.support.loras.files import TINY_CONFIG, tiny_model
from tests.support.paths import ROOT
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.lora.inspection.architectures import (
    CONFIGS,
    architecture_for,
    architecture_from_config,
)
from wan_lora_studio.settings import load_settings

DEMO = ROOT / "models" / "demo"
MODELS: dict[str, Mapping[str, Any]] = {
    **{name: config for name, (_, _, config) in CONFIGS.items()},
    "tiny": TINY_CONFIG,
    "image layers": {
        **TINY_CONFIG, "image_dim": 6, "added_kv_proj_dim": 16, "pos_embed_seq_len": 3,
    },
    "no norm": {**TINY_CONFIG, "out_channels": None, "cross_attn_norm": False},
}  # fmt: skip


def parameters_of_the_class(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    given = {key: value for key, value in config.items() if not key.startswith("_")}
    kind = WanVACETransformer3DModel if "vace_layers" in config else WanTransformer3DModel
    with torch.device("meta"):
        model = kind(**given)
    return {name: tuple(value.shape) for name, value in model.named_parameters()}


@pytest.mark.parametrize("name", MODELS)
def test_parameters_equal_the_real_model(name: str) -> None:
    found = architecture_from_config(name, name, ("high",), MODELS[name])
    assert found.parameters == parameters_of_the_class(MODELS[name])


@pytest.mark.parametrize("expert", ["transformer", "transformer_2"])
def test_the_demo_model_is_as_its_config_says(expert: str) -> None:
    config = json.loads((DEMO / expert / "config.json").read_text(encoding="utf-8"))
    found = architecture_for(load_settings(models_dir=DEMO.parent), "demo")
    assert found.experts == ("high", "low")
    assert found.parameters == parameters_of_the_class(config)


def test_known_models_have_their_published_sizes() -> None:
    settings = load_settings()
    a14b = architecture_for(settings, "t2v-A14B")
    assert a14b.experts == ("high", "low")
    assert a14b.width == 5120
    assert a14b.shapes_of("blocks.39.ffn.net.0.proj") == ((13824, 5120), (13824,))
    i2v = architecture_for(settings, "i2v-A14B")
    assert i2v.parameters["patch_embedding.weight"] == (5120, 36, 1, 2, 2)
    assert i2v.parameters["proj_out.weight"] == (64, 5120)
    assert "blocks.0.attn2.add_k_proj.weight" not in i2v.parameters
    small = architecture_for(settings, "ti2v-5B")
    assert small.experts == ("high",)
    assert small.shapes_of("blocks.29.ffn.net.2") == ((3072, 14336), (3072,))
    assert "blocks.30.norm2.weight" not in small.parameters


def test_a_local_folder_wins_and_a_missing_one_says_so(tmp_path: Path) -> None:
    settings = load_settings(models_dir=tmp_path)
    with pytest.raises(ModelLoadError, match="not installed"):
        architecture_for(settings, "demo")
    tiny_model(tmp_path)
    assert architecture_for(settings, "demo").width == 16
    (tmp_path / "demo" / "transformer" / "config.json").write_text("{")
    with pytest.raises(ModelLoadError, match="cannot be read"):
        architecture_for(settings, "demo")
    tiny_model(tmp_path, num_layers="many")
    with pytest.raises(ModelLoadError, match="cannot be understood"):
        architecture_for(settings, "demo")
