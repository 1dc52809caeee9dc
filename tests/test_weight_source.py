"""Where a row's weights come from, and where they are found on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub.constants
import pytest

from wan_lora_studio.errors import SettingsError
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.weight_source import WeightSource

HUB = "Some-One/A.Model_GGUF:HighNoise/high-Q5_K_M.gguf"


@pytest.mark.parametrize(
    ("written", "repo", "path"),
    [
        (HUB, "Some-One/A.Model_GGUF", "HighNoise/high-Q5_K_M.gguf"),
        ("own/name:file.safetensors", "own/name", "file.safetensors"),
        ("/models/high.safetensors", None, "/models/high.safetensors"),
        ("C:/models/high.safetensors", None, "C:/models/high.safetensors"),
        ("C:\\models\\high.safetensors", None, "C:\\models\\high.safetensors"),
        ("folder/high.safetensors", None, "folder/high.safetensors"),
        ("a/b/c:d.safetensors", None, "a/b/c:d.safetensors"),
        ("/a:b.safetensors", None, "/a:b.safetensors"),
        ("own/name:/etc/passwd", None, "own/name:/etc/passwd"),
    ],
)
def test_a_file_of_the_hub_is_told_from_a_path(written: str, repo: str | None, path: str) -> None:
    assert WeightSource.of(written) == WeightSource(repo, path)


def settings_with(folder: Path, written: str) -> Settings:
    config = folder / "own.json"
    rows = {"own": {"like": "ti2v-5B", "weights": {"transformer": written}}}
    config.write_text(json.dumps({"models": rows}))
    return load_settings(config, models_dir=folder / "models")


def test_a_path_that_leads_out_of_its_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must not lead out of its repository"):
        settings_with(tmp_path, "own/name:a/../../../b.gguf")


@pytest.mark.parametrize(
    "place",
    [
        "A.Model_GGUF/HighNoise/high-Q5_K_M.gguf",
        "HighNoise/high-Q5_K_M.gguf",
        "high-Q5_K_M.gguf",
    ],
)
def test_a_file_of_the_hub_is_found_in_the_models_folder(tmp_path: Path, place: str) -> None:
    path = tmp_path / "models" / place
    path.parent.mkdir(parents=True)
    path.touch()
    assert settings_with(tmp_path, HUB).weight_files("own") == {"transformer": path}


def test_a_file_of_the_hub_is_found_in_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    cached = tmp_path / "hub" / "models--Some-One--A.Model_GGUF"
    file = cached / "snapshots" / ("a" * 40) / "HighNoise" / "high-Q5_K_M.gguf"
    file.parent.mkdir(parents=True)
    file.touch()
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("a" * 40)
    assert settings_with(tmp_path, HUB).weight_files("own") == {"transformer": file}


@pytest.mark.parametrize("place", ["unet/high-Q5_K_M.gguf", "unet/HighNoise/high-Q5_K_M.gguf"])
def test_a_file_of_the_hub_that_another_program_has_is_used(tmp_path: Path, place: str) -> None:
    path = tmp_path / "ComfyUI" / "models" / place
    path.parent.mkdir(parents=True)
    path.touch()
    (tmp_path / "own.json").write_text(
        json.dumps(
            {
                "extra_model_paths": ["ComfyUI"],
                "models": {"own": {"like": "ti2v-5B", "weights": {"transformer": HUB}}},
            }
        )
    )
    settings = load_settings(tmp_path / "own.json", models_dir=tmp_path / "models")
    assert settings.weight_files("own") == {"transformer": path}


def test_one_that_is_nowhere_would_go_into_the_folder_of_its_repository(tmp_path: Path) -> None:
    found = settings_with(tmp_path, HUB).weight_files("own")
    assert found == {"transformer": tmp_path / "models/A.Model_GGUF/HighNoise/high-Q5_K_M.gguf"}


def test_a_path_counts_from_the_models_folder(tmp_path: Path) -> None:
    found = settings_with(tmp_path, "folder/high.safetensors").weight_files("own")
    assert found == {"transformer": tmp_path / "models/folder/high.safetensors"}


@pytest.mark.parametrize("written", ["x" * 300 + ".gguf", f"own/name:{'x' * 300}.gguf"])
def test_what_can_be_no_file_here_is_not_there(tmp_path: Path, written: str) -> None:
    (path,) = settings_with(tmp_path, written).weight_files("own").values()
    assert path.parent.is_relative_to(tmp_path)
