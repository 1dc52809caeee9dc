"""Which of Gradio's addresses are open, asked of the whole app."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Router
from starlette.testclient import TestClient

from tests.support.paths import ROOT
from wan_lora_studio.ui.door.gradio_routes import ICON_SIZES, GradioRoutes, is_open


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    command = [
        sys.executable,
        "-m",
        "tests.support.scripted_app",
        str(tmp_path_factory.mktemp("app")),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            with httpx.Client(base_url=address, timeout=120) as client:
                yield client
        finally:
            process.terminate()


@pytest.mark.parametrize("size", ICON_SIZES)
def test_an_icon_of_a_size_that_is_used(size: int, client: httpx.Client) -> None:
    answer = client.get(f"/pwa_icon/{size}")
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.content)) as icon:
        assert icon.size == (size, size)


@pytest.mark.parametrize(
    "path",
    [
        "pwa_icon/100000", "pwa_icon/12000", "pwa_icon/193", "pwa_icon/0192", "pwa_icon/+512",
        "pwa_icon/192/", "pwa_icon/-1", "%70wa_icon/100000", "pwa_icon/100000?x=192",
        "gradio_api/file=/etc/passwd", "gradio_api/file/etc/passwd", "gradio_api/proxy=http://a",
        "gradio_api/deep_link", "gradio_api/custom_component/1/client/component/a.js",
        "gradio_api/stream/a/1/2/playlist-file", "gradio_api/vibe-code", "gradio_api/dev/reload",
        "gradio_api/upload_progress?upload_id=a", "monitoring", "monitoring/summary",
        "gradio_api/runs", "login", "logout",
    ],
)  # fmt: skip
def test_what_nobody_needs_is_closed(path: str, client: httpx.Client) -> None:
    for ask in (client.get, client.head):
        answer = ask(f"/{path}", follow_redirects=False)
        assert answer.status_code == 404
    assert "nothing at this address" in client.get(f"/{path}").json()["error"]["message"]


@pytest.mark.parametrize("path", ["login", "gradio_api/component_server"])
def test_nothing_is_taken_in_there(path: str, client: httpx.Client) -> None:
    assert client.post(f"/{path}", files={"files": b"x"}).status_code == 404


@pytest.mark.parametrize(
    "path", ["", "config", "favicon.ico", "theme.css", "gradio_api/info", "manifest.json"]
)
def test_what_the_page_asks_for_is_open(path: str, client: httpx.Client) -> None:
    assert client.get(f"/{path}").status_code == 200


def test_every_address_that_takes_a_path_or_a_number_is_known(tmp_path: Path) -> None:
    """A new version of Gradio may bring others; each is looked at before it is opened."""
    script = f"""
import json
from wan_lora_studio.ui.server import build_app
from utils import JobQueue, LoRAManager, LoRAUploadHandler, load_settings
folders = {{name + "_dir": {str(tmp_path)!r} + "/" + name for name in ("loras", "outputs", "data")}}
settings = load_settings(**folders)
app = build_app(settings, LoRAManager(settings), LoRAUploadHandler(settings), JobQueue(settings))
paths = []
for route in app.routes[-1].routes:
    within = getattr(route, "original_router", None)
    paths += [each.path for each in within.routes] if within else [route.path]
print(json.dumps(paths))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = json.loads(done.stdout.splitlines()[-1])
    assert {"/pwa_icon/{size}", "/gradio_api/proxy={url_path:path}"} <= set(paths)
    opened = {path.rstrip("/") for path in paths if "{" in path and is_open(path)}
    assert opened == {
        "/assets/{path:path}",
        "/static/{path:path}",
        "/svelte/{path:path}",
        "/gradio_api/call/{api_name}",
        "/gradio_api/call/{api_name}/{event_id}",
        "/gradio_api/call/v2/{api_name}",
        "/gradio_api/call/v2/{api_name}/{event_id}",
        "/gradio_api/heartbeat/{session_hash}",
        "/gradio_api/run/{api_name}",
    }


def test_what_is_ours_is_answered_by_us(client: httpx.Client) -> None:
    assert client.get("/api/loras").status_code == 200
    assert client.get("/lora_ui/assets/lora.css").status_code == 200


def test_a_prefix_of_a_proxy_opens_nothing() -> None:
    inside = Mount("/", app=PlainTextResponse("inside"))
    client = TestClient(Router([GradioRoutes(), inside]), root_path="/studio")
    for closed in ("/studio/pwa_icon/100000", "/pwa_icon/100000", "/studio/studio/pwa_icon/192"):
        assert client.get(closed).status_code == 404
    assert client.get("/studio/pwa_icon/192").text == "inside"
