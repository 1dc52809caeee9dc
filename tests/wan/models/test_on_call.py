"""Parts of a model that are in memory only while they are used: the same video, less memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.machine.pretend_host import PretendHost
from tests.support.studio import Studio, decoded
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.models.host_memory import ENCODER_STAYS_FROM
from wan_lora_studio.wan.models.loading import LoadedModel, ModelManager
from wan_lora_studio.wan.task import Progress

STEPS = 2


def studio_in(settings: Settings, folder: Path) -> Studio:
    settings = settings.model_copy(update={"outputs_dir": folder, "data_dir": folder / "data"})
    return Studio(settings, ModelManager(settings))


def model_of(studio: Studio) -> LoadedModel:
    assert studio.models.current is not None
    return studio.models.current


def held_bytes(part: Any) -> int:
    """Memory that a part's weights take."""
    storages = (parameter.untyped_storage() for parameter in part.parameters())
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def readings(progress: list[Progress]) -> list[str]:
    return [each.message for each in progress if each.message.startswith("Reading")]


def test_the_encoder_goes_after_the_prompt_where_memory_is_small(
    studio_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = PretendHost(monkeypatch, ENCODER_STAYS_FROM)
    roomy = studio_in(studio_settings, tmp_path / "roomy")
    roomy.models.load("t2v")
    host.total -= 1
    small = studio_in(studio_settings, tmp_path / "small")
    for prompt in ("a shape", "two shapes"):
        told: list[Progress] = []
        videos = [
            decoded(studio.run(prompt=prompt, steps=STEPS, on_progress=told.append).video_path)
            for studio in (roomy, small)
        ]
        assert np.array_equal(*videos)
        assert readings(told) == ["Reading the text encoder"]
        assert held_bytes(model_of(small).pipeline.text_encoder) < 1000
        again: list[Progress] = []
        small.run(prompt=prompt, steps=STEPS, seed=2, on_progress=again.append)
        assert readings(again) == []
    assert held_bytes(model_of(roomy).pipeline.text_encoder) > 10_000
    started_again = studio_in(studio_settings, tmp_path / "small")
    started_again.run(prompt="a shape", steps=STEPS, on_progress=again.append)
    assert readings(again) == []


def test_an_encoder_that_is_gone_ends_the_run_by_its_name(
    studio_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    PretendHost(monkeypatch, ENCODER_STAYS_FROM - 1)
    folder = tmp_path / "model"
    shutil.copytree(studio_settings.model_folder("t2v"), folder)
    row = studio_settings.model("t2v").model_copy(update={"path": str(folder)})
    studio = studio_in(studio_settings.model_copy(update={"models": {"t2v": row}}), tmp_path)
    studio.models.load("t2v")
    (folder / "text_encoder" / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        studio.run(steps=STEPS)
    assert studio.models.current is None
