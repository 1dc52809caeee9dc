"""What is beside a LoRA is served by its descriptor, and only if it is what it claims to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Response
from starlette.testclient import TestClient

from lora_ui.http.cards import add_card_routes
from lora_ui.http.responses import ErrorRoute
from lora_ui.http.router import create_lora_router
from lora_ui.http.served_files import served
from tests.support.loras.files import write_lora
from tests.support.result_files import video_bytes
from utils import LoRAManager, LoRAUploadHandler, Settings, load_settings

VIDEO = "/api/loras/video?name=a"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    write_lora(tmp_path / "loras" / "a.safetensors")
    return load_settings(**folders)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    loras = LoRAManager(settings)
    app = FastAPI()
    app.include_router(create_lora_router(settings, loras, LoRAUploadHandler(settings, loras)))
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("ending", [".mp4", ".webm", ".preview.mp4"])
def test_a_link_to_a_file_of_the_system_is_not_served(
    ending: str, client: TestClient, settings: Settings
) -> None:
    (settings.loras_dir / f"a{ending}").symlink_to("/etc/passwd")
    answer = client.get(VIDEO)
    assert answer.status_code == 404
    assert b"root:" not in answer.content


def test_neither_is_a_text_called_a_video(client: TestClient, settings: Settings) -> None:
    (settings.loras_dir / "a.mp4").write_text("#EXTM3U\nfile:///etc/passwd")
    assert client.get(VIDEO).status_code == 404


def test_a_link_to_a_video_is_read_through(client: TestClient, settings: Settings) -> None:
    real = settings.loras_dir.with_name("blob")
    real.write_bytes(video_bytes())
    (settings.loras_dir / "a.mp4").symlink_to(real)
    answer = client.get(VIDEO)
    assert answer.content == video_bytes()
    assert answer.headers["content-type"] == "video/mp4"


def test_a_thumbnail_of_a_link_to_something_else_is_drawn(
    client: TestClient, settings: Settings
) -> None:
    for ending in (".png", ".mp4", ".preview.jpg"):
        (settings.loras_dir / f"a{ending}").symlink_to("/etc/passwd")
    answer = client.get("/api/loras/thumbnail?name=a")
    assert answer.status_code == 200
    assert answer.content[8:12] == b"WEBP"


def test_a_thumbnail_that_became_a_link_is_not_served(
    client: TestClient, settings: Settings
) -> None:
    assert client.get("/api/loras/thumbnail?name=a").status_code == 200
    (made,) = (settings.loras_dir / ".thumbnails").glob("*.webp")
    made.unlink()
    made.symlink_to("/etc/passwd")
    answer = client.get("/api/loras/thumbnail?name=a")
    assert b"root:" not in answer.content


@pytest.fixture
def ranged(settings: Settings) -> TestClient:
    path = settings.loras_dir / "a.mp4"
    path.write_bytes(video_bytes())
    app = FastAPI()
    app.router.route_class = ErrorRoute
    add_card_routes(app.router, LoRAManager(settings))
    return TestClient(app)


def test_ranges_of_a_video(ranged: TestClient) -> None:
    data = video_bytes()
    whole = ranged.get(VIDEO)
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["accept-ranges"] == "bytes"
    assert ranged.head(VIDEO).status_code in (200, 405)
    for start, end in ((0, 9), (100, 1099), (len(data) - 5, len(data) - 1)):
        answer = ranged.get(VIDEO, headers={"Range": f"bytes={start}-{end}"})
        assert answer.status_code == 206
        assert answer.content == data[start : end + 1]
        assert answer.headers["content-range"] == f"bytes {start}-{end}/{len(data)}"
    assert ranged.get(VIDEO, headers={"Range": "bytes=-7"}).content == data[-7:]
    both = ranged.get(VIDEO, headers={"Range": "bytes=0-3,10-13"})
    assert both.status_code == 206
    assert data[:4] in both.content
    assert data[10:14] in both.content
    assert ranged.get(VIDEO, headers={"Range": "bytes=9999999-"}).status_code == 416
    for wrong in ("bytes=x", "lines=1-2", "bytes=" + "9" * 5000 + "-"):
        assert ranged.get(VIDEO, headers={"Range": wrong}).status_code in (200, 400, 416)
    etag = whole.headers["etag"]
    kept = ranged.get(VIDEO, headers={"Range": "bytes=0-3", "If-Range": etag})
    assert kept.content == data[:4]


def test_what_was_looked_at_is_what_is_sent(settings: Settings) -> None:
    """Also when something else is put in its place before it is sent."""
    path = settings.loras_dir / "a.mp4"
    path.write_bytes(video_bytes())
    app = FastAPI()

    @app.get("/")
    def answer() -> Response:
        found = served(path, "video/", {})
        assert found is not None
        path.unlink()
        path.symlink_to("/etc/passwd")
        return found

    assert TestClient(app).get("/").content == video_bytes()
