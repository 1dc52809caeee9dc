"""A library with the demo LoRAs, on a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.grids import MakeFacts
from tests.support.paths import ROOT
from wan_lora_studio.grid import GridFacts
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.task import GenerationTask


@pytest.fixture
def facts(tmp_path: Path) -> MakeFacts:
    """Facts of a demo task with these fields."""
    shutil.copytree(ROOT / "loras", tmp_path / "loras", ignore=shutil.ignore_patterns(".*"))
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    library = LoRALibrary(load_settings(**folders))

    def make(**fields: Any) -> GridFacts:
        given = {"model_type": "demo", "prompt": "a red circle", **fields}
        return GridFacts(GenerationTask(**given), library)

    return make
