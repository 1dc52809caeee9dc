"""Loading: all three kinds from folders, precision, and what a missing model says."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from tests.support.hub import FakeHub, model_files, serving
from tests.support.tiny_models import save_tiny_model, table_row
from wan_lora_studio.errors import ModelLoadError, SettingsError, VRAMError
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.models.loading import ModelManager

PIPELINES = {
    "t2v": diffusers.WanPipeline,
    "i2v": diffusers.WanImageToVideoPipeline,
    "ti2v": diffusers.WanPipeline,
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("models")
    rows = {kind: table_row(kind, save_tiny_model(folder / kind, kind)) for kind in PIPELINES}
    config = folder / "config.json"
    config.write_text(json.dumps({"models": rows}), encoding="utf-8")
    return load_settings(config, loras_dir=folder / "loras", models_dir=folder, device="cpu")


@pytest.mark.parametrize("kind", PIPELINES)
def test_each_kind_loads_from_its_folder(kind: str, settings: Settings) -> None:
    model = ModelManager(settings).load(kind)
    assert type(model.pipeline) is PIPELINES[kind]
    assert model.pipeline.transformer.dtype == torch.float32
    assert model.pipeline.vae.dtype == torch.float32
    assert (model.pipeline.transformer_2 is None) == (kind == "ti2v")
    assert not model.offloaded


def test_one_model_is_held_and_reused(settings: Settings) -> None:
    models = ModelManager(settings)
    assert models.loaded is None
    first = models.load("t2v")
    assert models.load("t2v") is first
    models.load("ti2v")
    assert models.loaded == "ti2v"
    models.unload()
    assert models.loaded is None


def test_the_optional_picture_uses_the_same_weights(settings: Settings) -> None:
    model = ModelManager(settings).load("ti2v")
    pipeline = model.pipeline_for(image=True)
    assert type(pipeline) is diffusers.WanImageToVideoPipeline
    assert pipeline.transformer is model.pipeline.transformer
    assert pipeline.config.expand_timesteps
    assert model.pipeline_for(image=False) is model.pipeline


def test_the_tables_boundary_is_in_force(settings: Settings, tmp_path: Path) -> None:
    row = {**settings.models["t2v"].model_dump(), "boundary_ratio": 0.5}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"models": {"t2v": row}}), encoding="utf-8")
    model = ModelManager(load_settings(config, device="cpu")).load("t2v")
    assert model.pipeline.config.boundary_ratio == 0.5


def test_a_missing_local_model_says_where_it_belongs(tmp_path: Path) -> None:
    settings = load_settings(models_dir=tmp_path, device="cpu")
    with pytest.raises(ModelLoadError, match="is not at") as caught:
        ModelManager(settings).load("demo")
    assert str(tmp_path / "demo") in caught.value.message
    assert caught.value.suggestions


def test_a_model_that_is_not_here_says_how_to_get_it_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    settings = load_settings(models_dir=tmp_path, device="cpu")
    with (
        serving(FakeHub("Wan-AI/Wan2.2-T2V-A14B-Diffusers", model_files())) as hub,
        pytest.raises(ModelLoadError) as caught,
    ):
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        ModelManager(settings).load("t2v-A14B")
    assert "models download t2v-A14B" in " ".join(caught.value.suggestions)
    assert (hub.listed, hub.asked) == (0, [])


def test_a_model_that_is_here_in_part_is_not_loaded(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "demo")
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ModelLoadError) as caught:
        ModelManager(load_settings(models_dir=tmp_path, device="cpu")).load("demo")
    assert "vae/*.safetensors" in caught.value.cause


def test_a_broken_folder_is_named(settings: Settings, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "demo")
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelLoadError, match="cannot be loaded") as caught:
        ModelManager(load_settings(models_dir=tmp_path, device="cpu")).load("demo")
    assert str(folder) in caught.value.message


@pytest.mark.parametrize("kind", ["absent", "cut", "of other layers"])
def test_a_failed_switch_leaves_the_model_that_worked(
    kind: str, settings: Settings, tmp_path: Path
) -> None:
    """Told by the headers, it is the same in memory; else it is read again."""
    other = tmp_path / "other"
    if kind != "absent":
        save_tiny_model(other)
        weights = other / "vae" / "diffusion_pytorch_model.safetensors"
        if kind == "cut":
            weights.write_bytes(weights.read_bytes()[:-8])
        else:
            wrong = torch.zeros(2, 2)
            save_file({"decoder.conv_in.weight": wrong}, weights)
            (other / "text_encoder" / "config.json").write_text('{"model_type": "none such"}')
    row = {**table_row("t2v", other), "title": "Other"}
    config = tmp_path / "config.json"
    rows = {"t2v": settings.models["t2v"].model_dump(mode="json"), "other": row}
    config.write_text(json.dumps({"models": rows}), encoding="utf-8")
    models = ModelManager(load_settings(config, device="cpu", data_dir=tmp_path / "data"))
    before = models.load("t2v")
    with pytest.raises(ModelLoadError):
        models.load("other")
    assert models.loaded == "t2v"
    assert (models.current is before) == (kind != "of other layers")
    assert models.load("t2v").identity == before.identity


def test_an_unknown_model_and_an_absent_device_are_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="no model 'sora'"):
        ModelManager(settings).load("sora")
    if not torch.cuda.is_available():
        absent = settings.model_copy(update={"device": "cuda:7"})
        with pytest.raises(VRAMError, match="not available"):
            ModelManager(absent).load("t2v")
