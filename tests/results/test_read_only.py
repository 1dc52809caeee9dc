"""The app over folders that it may not write: everything is listed, refusals are in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.crash.full_disk_results import app, listed
from tests.support.loras.files import write_lora
from tests.support.machine.read_only import run_read_only
from tests.support.result_files import metadata, write_video
from utils import Settings, load_settings

PROGRAM = "tests.crash.read_only_app"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What an app has left, with two results and a LoRA."""
    folders = {f"{name}_dir": tmp_path / name for name in ("outputs", "data", "loras")}
    settings = load_settings(**folders, log_file_mb=0)
    settings.loras_dir.mkdir()
    write_lora(settings.loras_dir / "style.safetensors")
    for name in ("one", "two"):
        write_video(settings.outputs_dir, name, metadata(id=name))
    with app(settings) as client:
        assert listed(client) == ["one", "two"]
        client.get("/api/loras")
    return settings


@pytest.mark.parametrize("folder", ["outputs", "data", "loras"])
def test_all_is_listed_and_what_cannot_be_done_is_said(
    settings: Settings, tmp_path: Path, folder: str
) -> None:
    done = run_read_only(["-m", PROGRAM, str(tmp_path)], tmp_path / folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["list"] == found["in the end"] == ["one", "two"]
    assert found["loras"] == ["style"]
    for what in ("trash", "status", "metrics"):
        assert found[what][0] == 200, what
    refused = {
        "outputs": {"delete", "undo"},
        "data": {"favourite", "submit"},
        "loras": {"edit"},
    }[folder]
    for what in ("delete", "undo", "favourite", "submit", "edit"):
        status, message, _ = found[what]
        assert (status >= 400) == (what in refused), (what, found[what])
        assert status != 500 and (status < 400 or message), (what, found[what])
    if folder == "data":
        assert "cannot be written to" in found["favourite"][2]
        assert "cannot be written to" in found["submit"][2]
