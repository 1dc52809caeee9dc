"""A library over a real folder, with a tiny model to fit its files to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import tiny_model, write_lora
from tests.support.machine.moved_clock import LaterClock
from wan_lora_studio.lora.inspection.info import LoRAInfo
from wan_lora_studio.lora.inspection.inspector import inspect_lora
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    tiny_model(tmp_path / "models")
    return load_settings(loras_dir=tmp_path / "loras", models_dir=tmp_path / "models")


@pytest.fixture
def clock() -> LaterClock:
    """By which `library` knows that it is time to look at its folder again."""
    return LaterClock()


@pytest.fixture
def library(settings: Settings, clock: LaterClock) -> LoRALibrary:
    return LoRALibrary(settings, clock)


@pytest.fixture
def root(settings: Settings) -> Path:
    return settings.loras_dir


@pytest.fixture
def inspect(tmp_path: Path) -> Callable[..., LoRAInfo]:
    """Writes a file of these shapes and inspects it."""

    def run(
        shapes: dict[str, tuple[int, ...]],
        name: str = "a",
        metadata: dict[str, str] | None = None,
        **more: Any,
    ) -> LoRAInfo:
        return inspect_lora(write_lora(tmp_path / f"{name}.safetensors", shapes, metadata), **more)

    return run
