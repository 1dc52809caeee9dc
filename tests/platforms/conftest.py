"""A library and results on a file system that stands in for Windows'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine.windows_files import stand_in
from tests.support.paths import DEMO_LORAS
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.lora_manager import LoRAManager


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {name: tmp_path / name.removesuffix("_dir") for name in ("loras_dir", "outputs_dir")}
    return load_settings(**folders, data_dir=tmp_path / "data")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)


@pytest.fixture
def loras(settings: Settings, windows: None) -> Iterator[LoRAManager]:
    """A library that holds one of the demo's LoRAs, which came by an upload."""
    manager = LoRAManager(settings)
    manager.upload_lora_file(DEMO_LORAS / "golden_hour.safetensors", "golden_hour.safetensors")
    yield manager
