"""The whole app with a damaged file of its own, at the start and while it runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.crash.full_disk_results import app
from tests.support.loras.files import write_lora
from tests.support.result_files import metadata, write_video
from utils import Settings, load_settings
from wan_lora_studio.backups import kept_files

NAMES = ("queue", "results", "sets", "selections", "library")
TASK = {"model_type": "demo", "prompt": "quick"}
# What shows that the new file in the damaged one's place is written.
WRITES = {
    "queue": ("POST", "/api/jobs", {"task": TASK}),
    "results": ("PATCH", "/api/results/one", {"favourite": True}),
    "sets": ("POST", "/api/sets", {"name": "new", "loras": [{"name": "style", "strength": 1}]}),
    "selections": ("PATCH", "/api/selection", {"loras": {"style": {"add": True, "strength": 1}}}),
    "library": ("POST", "/api/loras/edit", {"names": ["style"], "changes": {"title": "A"}}),
}
REFUSED = "was written by a newer version of the studio"
LISTS = ("status", "jobs", "results", "results/trash", "loras", "loras/cards", "sets", "selection")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What an app has left."""
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    settings = load_settings(**folders, log_file_mb=0)
    settings.loras_dir.mkdir()
    write_lora(settings.loras_dir / "style.safetensors")
    write_video(settings.outputs_dir, "one", metadata(id="one"))
    with app(settings) as client:
        for method, path, body in WRITES.values():
            assert client.request(method, path, json=body).status_code < 300
        client.get("/api/loras")
    return settings


def path_of(settings: Settings, name: str) -> Path:
    return next(file.path for file in kept_files(settings) if file.name == name)


def damage(path: Path, how: str) -> None:
    """Garbage, or pages in the middle overwritten; what is in the WAL is folded in before."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    size = int.from_bytes(content[16:18], "big")
    if how == "garbage":
        damaged = b"no database " * (len(content) // 12)
    else:
        damaged = content[:size] + b"\xa5" * (len(content) - size)
    with path.open("r+b") as file:  # in place, as a failing disk does it
        file.write(damaged)


def assert_all_works(client: TestClient, name: str) -> None:
    for path in LISTS:
        assert client.get(f"/api/{path}").status_code == 200, path
    assert client.get("/metrics").status_code == 200
    for what, (method, path, body) in WRITES.items():
        answer = client.request(method, path, json=body)
        assert answer.status_code < 300 or "taken" in answer.text, (what, answer.text)
    assert [each["id"] for each in client.get("/api/results").json()["results"]] == ["one"]
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("how", ["garbage", "pages"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_damaged_at_the_start(settings: Settings, name: str, how: str) -> None:
    damage(path_of(settings, name), how)
    with app(settings) as client:
        assert_all_works(client, name)
        (notice,) = client.get("/api/status").json()["notices"]
        assert "was damaged and has been set aside as" in notice
        assert f"restore {name}" in notice or "no copy" in notice


def test_a_library_that_a_newer_version_wrote(settings: Settings) -> None:
    path = path_of(settings, "library")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    with app(settings) as client:
        for each in LISTS:
            assert client.get(f"/api/{each}").status_code == 200, each
        for what, (method, place, body) in WRITES.items():
            answer = client.request(method, place, json=body)
            if what == "library":
                assert not answer.json()["ok"] and REFUSED in answer.text
            else:
                assert answer.status_code < 300 or "taken" in answer.text, (what, answer.text)
        (note,) = client.get("/api/loras/cards").json()["notes"]
        assert f"{path} {REFUSED}" in note["text"]
        assert client.get("/healthz").status_code == 200
    assert path.read_bytes() == content


@pytest.mark.parametrize("how", ["garbage", "pages"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_damaged_while_the_app_runs(settings: Settings, name: str, how: str) -> None:
    path = path_of(settings, name)
    with app(settings) as client:
        for each in LISTS:
            client.get(f"/api/{each}")
        damage(path, how)
        if name != "queue":  # jobs without a LoRA need neither library nor index
            assert client.post("/api/jobs", json={"task": TASK}).status_code == 201
        for _ in range(2):  # the first of each may be the one that meets the damage
            for method, place, body in WRITES.values():
                assert client.request(method, place, json=body).status_code != 500
            for each in LISTS:
                assert client.get(f"/api/{each}").status_code != 500, each
        assert_all_works(client, name)
    with app(settings) as client:
        assert_all_works(client, name)
