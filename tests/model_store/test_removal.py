"""Removing a row's files, and what stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.hub import ENCODER, FIRST, REPO, FakeHub, weights
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.model_store.downloads import ModelDownloads
from wan_lora_studio.model_store.hub import Hub
from wan_lora_studio.model_store.removal import removable, remove_row
from wan_lora_studio.model_store.row_state import row_files
from wan_lora_studio.settings import Settings, load_settings

MODEL = "ti2v-5B"
OTHER = "ti2v-5B-own"
WEIGHTS = "split_files/wan_fp8.safetensors"


def fetch(settings: Settings, hub: FakeHub, model_type: str = MODEL) -> None:
    downloads = ModelDownloads(settings, Hub(hub.url), waits=())
    downloads.start(model_type)
    done = downloads.wait(model_type, 60.0)
    assert done is not None and done.stage == "done", done


def test_all_of_a_row_goes_and_files_of_others_stay(hub: FakeHub, settings: Settings) -> None:
    fetch(settings, hub)
    folder = settings.model_folder(MODEL)
    (folder / "notes of mine.txt").write_text("mine")
    removal = remove_row(settings, MODEL)
    assert removal.size > 100_000 and removal.sharing == ()
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["notes of mine.txt"]


def test_an_empty_folder_goes_too(hub: FakeHub, settings: Settings) -> None:
    fetch(settings, hub)
    remove_row(settings, MODEL)
    assert not settings.model_folder(MODEL).exists()
    assert row_files(settings, MODEL).state == "absent"
    with pytest.raises(ModelLoadError, match="has not been downloaded"):
        remove_row(settings, MODEL)


def shared(tmp_path: Path, hub: FakeHub) -> Settings:
    """Two rows with one folder; the second has a transformer of its own."""
    hub.repos["owner/packed"] = {WEIGHTS: weights(9000)}
    config = tmp_path / "config.json"
    like = load_settings().models[MODEL].model_dump(mode="json")
    row = {"repo": REPO, "path": "cloud"}
    own = {**like, **row, "weights": {"transformer": f"owner/packed:{WEIGHTS}"}}
    config.write_text(json.dumps({"models": {MODEL: row, OTHER: own}}))
    return load_settings(config, models_dir=tmp_path / "models")


def test_a_row_with_its_own_weights_leaves_out_the_folders(tmp_path: Path, hub: FakeHub) -> None:
    settings = shared(tmp_path, hub)
    fetch(settings, hub, OTHER)
    assert not (settings.model_folder(OTHER) / FIRST).exists()
    assert (settings.models_dir / "packed" / WEIGHTS).is_file()
    assert row_files(settings, OTHER).state == "here"
    assert row_files(settings, MODEL).state == "partly", "it shares the encoder"


def test_files_that_another_row_needs_stay(tmp_path: Path, hub: FakeHub) -> None:
    settings = shared(tmp_path, hub)
    fetch(settings, hub, OTHER)
    fetch(settings, hub, MODEL)
    removal = remove_row(settings, MODEL)
    assert removal.sharing == (OTHER,)
    assert row_files(settings, OTHER).state == "here"
    folder = settings.model_folder(MODEL)
    assert (folder / ENCODER).is_file() and not (folder / FIRST).exists()
    with pytest.raises(ModelLoadError, match=f"{OTHER} needs all") as caught:
        removable(settings, MODEL)
    assert caught.value.suggestions == (f"Remove {OTHER} first.",)
    remove_row(settings, OTHER)
    assert not folder.exists() and not (settings.models_dir / "packed" / WEIGHTS).exists()


def test_files_of_a_row_that_is_in_use_stay(tmp_path: Path, hub: FakeHub) -> None:
    settings = shared(tmp_path, hub)
    fetch(settings, hub, OTHER)
    (settings.models_dir / "packed" / WEIGHTS).unlink()  # so that it is not whole
    with pytest.raises(ModelLoadError, match="needs all"):
        remove_row(settings, MODEL, in_use=[OTHER])


def test_a_folder_of_another_program_is_never_touched(
    tmp_path: Path, hub: FakeHub, settings: Settings
) -> None:
    fetch(settings, hub)
    theirs = tmp_path / "theirs"
    settings.model_folder(MODEL).rename(theirs)
    settings.model_folder(MODEL).symlink_to(theirs)
    before = sorted(theirs.rglob("*"))
    with pytest.raises(ModelLoadError, match="is outside"):
        remove_row(settings, MODEL)
    assert sorted(theirs.rglob("*")) == before


def test_a_row_without_a_repository_is_not_removed(settings: Settings) -> None:
    with pytest.raises(ModelLoadError, match="names no repository"):
        remove_row(settings, "demo")
