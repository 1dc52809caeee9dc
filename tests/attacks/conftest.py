"""A library that hostile files are sent to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.loras.files import tiny_model
from wan_lora_studio.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    tiny_model(tmp_path / "models")
    return load_settings(loras_dir=tmp_path / "loras", models_dir=tmp_path / "models")
