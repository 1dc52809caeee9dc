"""A fake hub with one small model, and the settings of an app that is to have it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import REPO, FakeHub, model_files, serving
from wan_lora_studio.model_store.downloads import ModelDownloads
from wan_lora_studio.model_store.hub import Hub
from wan_lora_studio.settings import Settings, load_settings

MODEL = "ti2v-5B"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with serving(FakeHub(REPO, model_files())) as served:
        yield served


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return cloud_settings(tmp_path)


def cloud_settings(folder: Path, **row: object) -> Settings:
    config = folder / "config.json"
    rows = {MODEL: {"repo": REPO, "path": "cloud", **row}}
    config.write_text(json.dumps({"models": rows}), encoding="utf-8")
    return load_settings(config, models_dir=folder / "models", data_dir=folder / "data")


@pytest.fixture
def downloads(hub: FakeHub, settings: Settings) -> Iterator[ModelDownloads]:
    made = ModelDownloads(settings, Hub(hub.url), waits=(0.0, 0.0))
    yield made
    made.close()
