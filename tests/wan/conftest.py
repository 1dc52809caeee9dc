"""Small random models of each kind with LoRAs for them, loaded once for all these tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.loras import weights as lora_weights
from tests.support.studio import Studio
from tests.support.tiny_models import save_tiny_model, table_row
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.models.loading import ModelManager

KINDS = ("t2v", "i2v", "ti2v")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors are slower on several threads than on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def studio_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("studio")
    rows = {kind: table_row(kind, save_tiny_model(folder / kind, kind)) for kind in KINDS}
    (folder / "config.json").write_text(json.dumps({"models": rows}), encoding="utf-8")
    loras = folder / "loras"
    loras.mkdir()
    pipeline = (
        ModelManager(load_settings(folder / "config.json", models_dir=folder, device="cpu"))
        .load("t2v")
        .pipeline
    )
    shapes = {name: tuple(v.shape) for name, v in pipeline.transformer.named_parameters()}
    made = {
        "kohya_pair_high_noise": lora_weights.lora_file(shapes, lora_weights.kohya, alpha=2.0),
        "kohya_pair_low_noise": lora_weights.lora_file(shapes, lora_weights.kohya, seed=2),
        "combined": lora_weights.combined_file(shapes),
        "lokr": lora_weights.lokr_file(shapes),
        "accelerator": lora_weights.accelerator_file(shapes),
    }
    for name, file in made.items():
        file.save(loras / f"{name}.safetensors")
    elsewhere = {"lora_unet_blocks_0_ffn_0.lora_down.weight": torch.ones(2, 5120)}
    elsewhere["lora_unet_blocks_0_ffn_0.lora_up.weight"] = torch.ones(13824, 2)
    lora_weights.Made(tensors=elsewhere).save(loras / "for_another_model.safetensors")
    return load_settings(
        folder / "config.json",
        models_dir=folder,
        loras_dir=loras,
        data_dir=folder / "data",
        device="cpu",
    )


@pytest.fixture(scope="package")
def held_models(studio_settings: Settings) -> ModelManager:
    return ModelManager(studio_settings)


@pytest.fixture
def studio(
    studio_settings: Settings, held_models: ModelManager, tmp_path: Path
) -> Iterator[Studio]:
    """A fresh outputs folder over shared models."""
    settings = studio_settings.model_copy(update={"outputs_dir": tmp_path / "outputs"})
    held_models._settings = settings
    yield Studio(settings, held_models)
