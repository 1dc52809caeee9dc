"""Models over HTTP, with a hub of this machine and a queue whose worker runs scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support import header_only
from tests.support.hub import ENCODER, FIRST, REPO, FakeHub
from tests.support.jobs.scripted_queue import SCRIPTED, wait_until
from utils import JobQueue, LoRAManager, LoRAUploadHandler, load_settings
from wan_lora_studio.ui.http.api import build_api

MODEL = "ti2v-5B"
SECONDS = 60.0


@pytest.fixture
def client(tmp_path: Path, hub: FakeHub) -> Iterator[TestClient]:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    settings = load_settings(**folders, models={MODEL: {"repo": REPO, "path": "cloud"}})
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    app = build_api(settings, loras, LoRAUploadHandler(settings, loras), queue)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def model(client: TestClient) -> dict[str, Any]:
    rows = client.get("/api/models").json()["models"]
    return next(dict(row) for row in rows if row["name"] == MODEL)


def in_stage(client: TestClient, stage: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        row = model(client)
        return row if row["download"] and row["download"]["stage"] == stage else None

    row: dict[str, Any] = wait_until(found, stage)
    return row


def test_looking_downloads_nothing(client: TestClient, hub: FakeHub) -> None:
    row = model(client)
    assert (row["state"], row["size_whole"], row["repos"]) == ("absent", None, [REPO])
    assert (hub.listed, hub.asked) == (0, [])
    asked = client.get(f"/api/models/{MODEL}").json()
    assert asked["to_fetch"] == asked["size_whole"] > 100_000
    assert hub.listed == 1
    assert max(hub.sent.values()) <= 100_000, "of weights their beginnings are read"
    assert asked["verdict"] and asked["memory"] > 0
    assert model(client)["size_whole"] == asked["size_whole"], "it is remembered"


def test_a_download_is_paused_gone_on_with_and_removed(client: TestClient, hub: FakeHub) -> None:
    hub.faults.stall[FIRST] = 20_000
    assert client.post(f"/api/models/{MODEL}/download").status_code == 200
    assert hub.stalled.wait(SECONDS)
    row = in_stage(client, "running")
    assert row["download"]["done"] < row["download"]["total"]
    client.post(f"/api/models/{MODEL}/pause")
    assert in_stage(client, "paused")["state"] == "partly"
    hub.faults.stall.clear()
    client.post(f"/api/models/{MODEL}/download")
    row = in_stage(client, "done")
    assert (row["state"], row["to_fetch"]) == ("here", 0)
    client.post(f"/api/models/{MODEL}/verify")
    assert in_stage(client, "done")["download"]["kind"] == "verify"
    removed = client.post(f"/api/models/{MODEL}/remove").json()
    assert removed["freed"] == row["size"]
    assert removed["model"]["state"] == "absent"
    assert model(client)["download"] is None


def test_a_cancelled_download_keeps_whole_files(client: TestClient, hub: FakeHub) -> None:
    hub.faults.stall[FIRST] = 20_000
    client.post(f"/api/models/{MODEL}/download")
    assert hub.stalled.wait(SECONDS)
    client.post(f"/api/models/{MODEL}/cancel")
    row = in_stage(client, "cancelled")
    assert row["state"] == "partly"
    assert row["size"] >= len(hub.repos[REPO][ENCODER])


def test_a_failure_says_why(client: TestClient, hub: FakeHub) -> None:
    hub.faults.refuse = (403, "GatedRepo")
    client.post(f"/api/models/{MODEL}/download")
    error = in_stage(client, "failed")["download"]["error"]
    assert "gated" in error["message"] and any("hf auth login" in s for s in error["suggestions"])
    assert "gated" in client.get(f"/api/models/{MODEL}").json()["problem"]["message"]


def test_an_unknown_model_is_404(client: TestClient, hub: FakeHub) -> None:
    assert client.get("/api/models/sora").status_code == 404
    for action in ("download", "pause", "cancel", "verify", "remove"):
        assert client.post(f"/api/models/sora/{action}").status_code == 404


def test_what_is_not_here_is_not_removed(client: TestClient, hub: FakeHub) -> None:
    answer = client.post(f"/api/models/{MODEL}/remove")
    assert answer.status_code == 409
    assert "has not been downloaded" in answer.json()["error"]["message"]


def test_files_of_other_programs_that_make_no_model_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "ComfyUI" / "models" / "unet"
    shapes = header_only.transformer("wan2.2-t2v-A14B")
    header_only.safetensors(folder / "wan2.2_t2v_high_noise_14B.safetensors", shapes)
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    settings = load_settings(**folders, extra_model_paths=[tmp_path / "ComfyUI"])
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    app = build_api(settings, loras, LoRAUploadHandler(settings, loras), queue)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        (found,) = client.get("/api/models").json()["left_out"]
    assert found["name"] == "wan2.2_t2v_high_noise_14B.safetensors"
    assert found["why"].startswith("it is one expert of Wan2.2 T2V-A14B")
    assert str(tmp_path) not in str(found)


def test_a_time_is_said_only_where_one_was_measured(client: TestClient) -> None:
    def demo() -> dict[str, Any]:
        return next(
            row for row in client.get("/api/models").json()["models"] if row["name"] == "demo"
        )

    assert demo()["measured"] == ""
    job = client.post("/api/jobs", json={"task": {"model_type": "demo", "prompt": "quick"}}).json()
    wait_until(
        lambda: client.get(f"/api/jobs/{job['id']}").json()["state"] == "done" or None, "done"
    )
    assert demo()["measured"].startswith("Measured here: ")
    assert "for 2.1 s at 128×128" in demo()["measured"]
