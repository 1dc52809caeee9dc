"""A real library behind the routes of the LoRA page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from lora_ui.http.router import create_lora_router, lora_assets
from lora_ui.static import ASSETS_URL
from tests.support.loras.files import write_lora
from utils import LoRAManager, LoRAUploadHandler, ResultLibrary, Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return load_settings(max_upload_mb=1, **folders)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    loras = LoRAManager(settings)
    app = FastAPI()
    uploads = LoRAUploadHandler(settings, loras)
    results = ResultLibrary(settings)
    app.include_router(create_lora_router(settings, loras, uploads, results=results))
    app.mount(ASSETS_URL, lora_assets())
    with TestClient(app) as client:
        yield client


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_lora(tmp_path / "source.safetensors").read_bytes()
