"""A model in Wan's own layout: each expert a folder of shards, in Wan's own names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.own_names import wans_own
from tests.support.tiny_models import save_tiny_model, table_row
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.models import ModelManager, installed_fingerprint

INDEX = "diffusion_pytorch_model.safetensors.index.json"
EXPERTS = {"transformer": "high_noise_model", "transformer_2": "low_noise_model"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The base folder gives all but the transformers."""
    base = save_tiny_model(tmp_path / "base", "t2v")
    theirs = tmp_path / "Wan2.2-Tiny"
    for part, name in EXPERTS.items():
        file = base / part / "diffusion_pytorch_model.safetensors"
        whole = {wans_own(key): value for key, value in load_file(file).items()}
        file.rename(tmp_path / f"{part}.safetensors")
        keys, places = list(whole), {}
        (theirs / name).mkdir(parents=True)
        for number in range(3):
            shard = f"diffusion_pytorch_model-{number + 1:05}-of-00003.safetensors"
            save_file({key: whole[key] for key in keys[number::3]}, theirs / name / shard)
            places |= dict.fromkeys(keys[number::3], shard)
        (theirs / name / INDEX).write_text(json.dumps({"weight_map": places}))
    (theirs / "models_t5_umt5-xxl-enc-bf16.pth").write_bytes(b"never opened")
    weights = {part: str(theirs / name) for part, name in EXPERTS.items()}
    row = {**table_row("t2v", base), "weights": weights}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"models": {"t2v": row}}), encoding="utf-8")
    places = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    return load_settings(config, device="cpu", **places)


def test_the_weights_are_those_of_the_shards(settings: Settings, tmp_path: Path) -> None:
    model = ModelManager(settings).load("t2v")
    for part in EXPERTS:
        original = load_file(tmp_path / f"{part}.safetensors")
        now = getattr(model.pipeline, part).state_dict()
        assert now.keys() == original.keys()
        assert all(torch.equal(now[name], value) for name, value in original.items())


def test_a_shard_counts_for_which_model_it_is(settings: Settings, tmp_path: Path) -> None:
    before = installed_fingerprint(settings, "t2v")
    assert before is not None
    shard = next((tmp_path / "Wan2.2-Tiny" / "low_noise_model").glob("*-00002-*"))
    tensors = load_file(shard)
    save_file({name: value + 1 for name, value in tensors.items()}, shard)
    assert installed_fingerprint(settings, "t2v") != before


def test_a_missing_shard_is_refused(settings: Settings, tmp_path: Path) -> None:
    next((tmp_path / "Wan2.2-Tiny" / "low_noise_model").glob("*-00002-*")).unlink()
    with pytest.raises(ModelLoadError, match="low_noise_model cannot be used"):
        ModelManager(settings).load("t2v")


def test_the_experts_are_not_exchanged(settings: Settings) -> None:
    row = settings.model("t2v")
    high, low = row.weights["transformer"], row.weights["transformer_2"]
    other = row.model_copy(update={"weights": {"transformer": low, "transformer_2": high}})
    changed = settings.model_copy(update={"models": {"t2v": other}})
    with pytest.raises(ModelLoadError, match="its name says that it is for low noise"):
        ModelManager(changed).load("t2v")
