"""Contact sheets over HTTP."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.support.jobs.scripted_queue import SCRIPTED, task, wait_for_state
from tests.support.result_files import metadata, write_video
from wan_lora_studio.grid import Grid
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.ui.http.api import build_api
from wan_lora_studio.wan.lora_manager import LoRAManager

EMPTY = (231, 231, 234)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return load_settings(**folders)


@pytest.fixture
def queue(settings: Settings) -> JobQueue:
    return JobQueue(settings, runner=SCRIPTED)


@pytest.fixture
def client(settings: Settings, queue: JobQueue) -> Iterator[TestClient]:
    loras = LoRAManager(settings)
    app = build_api(settings, loras, LoRAUploadHandler(settings, loras), queue)
    with TestClient(app, base_url="http://studio.lan") as client:
        yield client


def test_a_sheet_shows_the_videos_that_are_there(
    client: TestClient, queue: JobQueue, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(settings.data_dir))
    seeds = Grid.read({"x": {"of": "seed", "values": [1, 2]}})
    job = wait_for_state(queue, queue.submit(task("quick"), grid=seeds).id, "done")
    # The scripted run names a video that there is not; this is one of the first cell.
    write_video(settings.outputs_dir, "first", metadata(id=job.parts[0].id))
    answer = client.get(f"/api/jobs/{job.id}/sheet", params={"as": "png"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["content-disposition"].startswith("inline")
    with Image.open(io.BytesIO(answer.content)) as picture:
        colours = {colour for _, colour in picture.getcolors(1 << 20) or []}
    assert EMPTY in colours
    assert any(red > 170 and green < 90 for red, green, _ in colours)
    video = client.get(f"/api/jobs/{job.id}/sheet", params={"as": "mp4", "download": True})
    assert video.headers["content-type"] == "video/mp4"
    assert video.headers["content-disposition"].startswith("attachment")
    assert video.content[4:8] == b"ftyp"
    assert list(settings.data_dir.glob("contact-sheet-*")) == []


def test_what_has_no_sheet_is_refused(client: TestClient, queue: JobQueue) -> None:
    batch = queue.submit(task("quick"), parts=[Part("a", {"seed": 1})])
    refused = client.get(f"/api/jobs/{batch.id}/sheet")
    assert refused.status_code == 409
    assert "not a grid" in refused.json()["error"]["message"]
    assert client.get("/api/jobs/none/sheet").status_code == 404
    assert client.get(f"/api/jobs/{batch.id}/sheet", params={"as": "gif"}).status_code == 422
