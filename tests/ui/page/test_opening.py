"""What the page opens with, read from the model's folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import av
import pytest
from starlette.testclient import TestClient

from tests.support.paths import ROOT
from utils import JobQueue, LoRAManager, LoRAUploadHandler, Settings, load_settings
from wan_lora_studio.ui.http.api import build_api
from wan_lora_studio.ui.page.opening import opening
from wan_lora_studio.wan.models import installed_fingerprint

FOLDER = ROOT / "models" / "demo" / "opening"


def test_the_demo_opens_with_its_own_ready_example() -> None:
    settings = load_settings()
    found = opening(settings)
    ready = settings.model("demo").opens_with
    assert found is not None and ready is not None
    assert (found["model"], found["prompt"], found["seed"]) == ("demo", ready.prompt, ready.seed)
    assert found["selected_loras"] == dict(ready.selected_loras) != {}


@pytest.mark.parametrize("which", ["without", "with"])
def test_its_videos_are_what_is_said_of_them(which: str) -> None:
    found = opening(load_settings())
    assert found is not None
    path = FOLDER / f"{which}.mp4"
    assert path.stat().st_size < 100_000
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        assert "comment" not in video.metadata  # neither the machine nor a path
        frames = list(video.decode(stream))
        assert (stream.width, stream.height) == (found["width"], found["height"])
        assert (len(frames), stream.average_rate) == (found["frames"], found["fps"])


def test_the_two_differ() -> None:
    assert (FOLDER / "without.mp4").read_bytes() != (FOLDER / "with.mp4").read_bytes()


def settings_with(folder: Path, **changes: Any) -> Settings:
    target = folder / "demo" / "opening"
    shutil.copytree(FOLDER, target)
    text = json.loads((target / "opening.json").read_text(encoding="utf-8")) | changes
    (target / "opening.json").write_text(json.dumps(text), encoding="utf-8")
    return load_settings(models_dir=folder)


@pytest.mark.parametrize(
    "changes", [{"seed": 8}, {"selected_loras": {}}, {"frames": 0}, {"more": 1}]
)
def test_videos_of_another_example_are_not_shown(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert opening(settings_with(tmp_path / "same")) is not None
    assert opening(settings_with(tmp_path / "other", **changes)) is None


def test_a_model_without_them_opens_without(tmp_path: Path) -> None:
    assert opening(load_settings(models_dir=tmp_path)) is None
    assert opening(load_settings(default_model="t2v-A14B")) is None


def test_they_are_served_by_name(tmp_path: Path) -> None:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    settings = load_settings(**folders)
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras)
    app = build_api(settings, loras, LoRAUploadHandler(settings, loras), queue)
    client = TestClient(app, base_url="http://127.0.0.1")
    answer = client.get("/api/opening/with")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content == (FOLDER / "with.mp4").read_bytes()
    assert client.get("/api/opening/other").status_code == 422
    queue.close()


def test_they_are_no_part_of_what_the_model_is(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "models" / "demo", tmp_path / "demo")
    settings = load_settings(models_dir=tmp_path)
    before = installed_fingerprint(settings, "demo")
    shutil.rmtree(tmp_path / "demo" / "opening")
    assert installed_fingerprint(settings, "demo") == before is not None
