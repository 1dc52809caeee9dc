"""A model in the hub's cache is here, and the cache is never touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.support.hub import COMMIT, NOT_NEEDED, REPO, SECOND, FakeHub
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.model_store.downloads import ModelDownloads
from wan_lora_studio.model_store.removal import removable
from wan_lora_studio.model_store.row_state import row_files
from wan_lora_studio.settings import Settings

MODEL = "ti2v-5B"


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: FakeHub) -> Path:
    """The model as the hub's own tools keep it."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    place = tmp_path / "hub" / f"models--{REPO.replace('/', '--')}"
    folder = place / "snapshots" / COMMIT
    for path, content in hub.repos[REPO].items():
        if path not in NOT_NEEDED:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    return folder


def test_it_is_here_and_nothing_is_fetched(
    cached: Path, hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    found = row_files(settings, MODEL)
    assert (found.state, found.folder) == ("here", cached)
    downloads.start(MODEL)
    done = downloads.wait(MODEL, 60.0)
    assert done is not None and done.stage == "done"
    assert (hub.listed, hub.asked) == (0, [])


def test_it_is_neither_verified_nor_removed_here(
    cached: Path, settings: Settings, downloads: ModelDownloads
) -> None:
    downloads.start(MODEL, "verify")
    done = downloads.wait(MODEL, 60.0)
    assert done is not None and done.error is not None
    assert "hub's cache" in done.error.message
    with pytest.raises(ModelLoadError, match="hub's cache"):
        removable(settings, MODEL)
    assert row_files(settings, MODEL).state == "here"


def test_half_of_it_there_is_not_here(
    cached: Path, hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    (cached / SECOND).unlink()
    assert row_files(settings, MODEL).missing == (SECOND,)
    downloads.start(MODEL)
    done = downloads.wait(MODEL, 60.0)
    assert done is not None and done.stage == "done"
    found = row_files(settings, MODEL)
    assert (found.state, found.folder) == ("here", settings.model_folder(MODEL))
