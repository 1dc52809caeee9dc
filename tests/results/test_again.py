"""A video made again from nothing but its own file: the same frames, bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.loras.files import write_lora
from tests.support.paths import ROOT
from wan_lora_studio.results.reading import read_facts
from wan_lora_studio.results.restoring import Restored, restore
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.generation.generation import generate_video
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models.loading import ModelManager
from wan_lora_studio.wan.task import GenerationTask

pytestmark = pytest.mark.slow  # each loads a model several times

SELECTIONS: dict[str, dict[str, Any]] = {
    "without LoRAs": {},
    "a single file and a pair": {
        "golden_hour": {"high": 0.9, "low": 0.35},
        "neon_outline": 0.7,
    },
    "a schedule": {"pixel_mosaic": {"high": [[0.0, 0.2], [0.5, 1.0]], "low": 0.6}},
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    shutil.copytree(ROOT / "loras", tmp_path / "loras", ignore=shutil.ignore_patterns(".*"))
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return load_settings(models_dir=ROOT / "models", device="cpu", **folders)


def make(settings: Settings, task: GenerationTask) -> Path:
    """As a program that has just been started."""
    result = generate_video(task, models=ModelManager(settings), loras=LoRAManager(settings))
    return Path(result.video_path)


def from_file(settings: Settings, video: Path) -> Restored:
    loras = LoRAManager(settings)
    for name in loras.list_available_loras():
        loras.sha256(name)
    with video.open("rb") as file:
        return restore(read_facts(file), loras.list_available_loras(), settings)


def frames(video: Path) -> np.ndarray[Any, Any]:
    with av.open(str(video)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


@pytest.mark.parametrize("chosen", list(SELECTIONS))
def test_the_same_frames_from_the_videos_own_data(settings: Settings, chosen: str) -> None:
    first = make(
        settings,
        GenerationTask(
            model_type="demo",
            prompt="a red circle moving left on a navy background",
            steps=2,
            num_frames=5,
            width=64,
            height=64,
            selected_loras=SELECTIONS[chosen],
        ),
    )
    # Meanwhile a file was given another name: its hash finds it.
    if "golden_hour" in SELECTIONS[chosen]:
        LoRAManager(settings).rename_lora_file("golden_hour", "evening")
    restored = from_file(settings, first)
    assert restored.missing == []
    if "golden_hour" in SELECTIONS[chosen]:
        assert list(restored.selected_loras) == ["evening", "neon_outline"]
    task = GenerationTask(**restored.fields, selected_loras=restored.selected_loras)
    second = make(settings, task)
    assert second != first
    assert np.array_equal(frames(second), frames(first))


def test_the_same_frames_although_a_lora_was_left_out(settings: Settings) -> None:
    """It would be left out again, and its words would come into the prompt a second time."""
    words = {"modelspec.trigger_phrase": "glowing edges"}
    write_lora(settings.loras_dir / "glow.safetensors", metadata=words)
    lenient = settings.model_copy(update={"on_lora_failure": "fallback"})
    first = make(
        lenient,
        GenerationTask(
            model_type="demo",
            prompt="a red circle",
            steps=2,
            num_frames=5,
            width=64,
            height=64,
            selected_loras={"glow": 1.0, "neon_outline": 0.7},
        ),
    )
    restored = from_file(settings, first)
    assert restored.selected_loras == {"neon_outline": 0.7}
    assert restored.fields["prompt"] == "a red circle, glowing edges"
    assert "glow was left out" in restored.notes[0]
    for policy in (settings, lenient):
        task = GenerationTask(**restored.fields, selected_loras=restored.selected_loras)
        assert np.array_equal(frames(make(policy, task)), frames(first))
