"""Which model a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.models.identity import WHOLE_UP_TO, ModelIdentity, installed_fingerprint

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def model_folder(folder: Path) -> Path:
    (folder / "vae").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "vae" / "weights.safetensors").write_bytes(b"weights")
    return folder


def test_the_hub_cache_tells_the_commit(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "models--x" / "snapshots" / COMMIT)
    assert ModelIdentity.of(folder, "main").revision == COMMIT


def test_a_downloaded_folder_tells_the_commit(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    note = folder / ".cache" / "huggingface" / "download" / "model_index.json.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{COMMIT}\netag\n1.5\n")
    assert ModelIdentity.of(folder).revision == COMMIT


def test_any_other_folder_has_what_was_asked_for(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    assert ModelIdentity.of(folder).revision is None
    assert ModelIdentity.of(folder, "v2").revision == "v2"


def test_the_fingerprint_is_that_of_the_files_wherever_they_are(tmp_path: Path) -> None:
    here, there = model_folder(tmp_path / "a"), model_folder(tmp_path / "b")
    (there / "README.md").write_text("not the model")
    assert ModelIdentity.of(here).fingerprint == ModelIdentity.of(there).fingerprint
    (there / "vae" / "weights.safetensors").write_bytes(b"Weights")
    assert ModelIdentity.of(here).fingerprint != ModelIdentity.of(there).fingerprint


def test_of_a_large_file_the_ends_count(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    seen = set()
    for place in (0, WHOLE_UP_TO + 9):
        with (folder / "vae" / "weights.safetensors").open("wb") as file:
            file.truncate(WHOLE_UP_TO + 10)
            file.seek(place)
            file.write(b"x")
        seen.add(ModelIdentity.of(folder).fingerprint)
    assert len(seen) == 2


def test_the_fingerprint_of_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder of the models, else in the hub's cache; nothing is downloaded."""
    settings = load_settings(models_dir=tmp_path / "models")
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    assert installed_fingerprint(settings, "t2v-A14B") is None
    assert installed_fingerprint(settings, "no such model") is None
    assert installed_fingerprint(settings, "demo") is None
    entry = settings.model("t2v-A14B")
    repo = cache / f"models--{str(entry.repo).replace('/', '--')}"
    cached = model_folder(repo / "snapshots" / COMMIT)
    (repo / "refs").mkdir()
    (repo / "refs" / (entry.revision or "main")).write_text(COMMIT)
    assert installed_fingerprint(settings, "t2v-A14B") == ModelIdentity.of(cached).fingerprint
    own = model_folder(settings.model_folder("t2v-A14B"))
    (own / "vae" / "weights.safetensors").write_bytes(b"others")
    assert installed_fingerprint(settings, "t2v-A14B") == ModelIdentity.of(own).fingerprint
