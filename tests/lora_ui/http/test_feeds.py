"""The library as it is sent: once for each state, compressed, without what has not changed."""

from __future__ import annotations

import gzip
import time

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from lora_ui.http.router import create_lora_router
from tests.support.loras.files import write_lora
from utils import LoRAManager, LoRAUploadHandler, Settings

BOTH = pytest.mark.parametrize("address", ["/api/loras", "/api/loras/cards"])


def plain(client: TestClient, address: str, **headers: str) -> httpx.Response:
    return client.get(address, headers={"Accept-Encoding": "identity", **headers})


def wait_until_at_rest(client: TestClient) -> None:
    """What is still done in the background is told in an answer as well."""
    client.post("/api/loras/refresh")
    end = time.monotonic() + 60
    while client.get("/api/loras/refresh").json()["progress"] is not None:
        assert time.monotonic() < end
        time.sleep(0.05)


@BOTH
def test_compressed_and_plain_say_the_same(
    client: TestClient, settings: Settings, address: str
) -> None:
    for number in range(30):
        write_lora(settings.loras_dir / f"{number}.safetensors", seed=number)
    wait_until_at_rest(client)
    whole = plain(client, address)
    assert "content-encoding" not in whole.headers
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["loras"] == whole.json()["loras"]
    assert int(packed.headers["content-length"]) < len(whole.content) / 4
    with client.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
        assert gzip.decompress(b"".join(answer.iter_raw())) == packed.content


@BOTH
def test_every_kind_of_change_is_sent(client: TestClient, settings: Settings, address: str) -> None:
    write_lora(settings.loras_dir / "one.safetensors")
    loras = LoRAManager(settings)  # another instance on the same folder
    for change in (
        lambda: client.post("/api/loras/edit", json={"name": "one", "changes": {"title": "New"}}),
        lambda: loras.record_use({"one": 0.5}),
        lambda: loras.rename_lora_file("one", "two"),
    ):
        wait_until_at_rest(client)
        seen = plain(client, address).headers["etag"]
        assert plain(client, address, **{"If-None-Match": seen}).status_code == 304
        change()
        assert plain(client, address, **{"If-None-Match": seen}).status_code == 200
    (record,) = plain(client, address).json()["loras"]
    assert (record["name"], record["title"], record["use_count"]) == ("two", "New", 1)


def test_what_the_worker_holds_is_sent(settings: Settings) -> None:
    """Nothing of it is in the catalogue, so no revision tells of it."""
    write_lora(settings.loras_dir / "one.safetensors")
    loras = LoRAManager(settings)
    held: dict[str, dict[str, object]] = {}
    loras.follow_worker(lambda: held)
    app = FastAPI()
    app.include_router(create_lora_router(settings, loras, LoRAUploadHandler(settings, loras)))
    with TestClient(app) as client:
        tag = plain(client, "/api/loras").headers["etag"]
        held["one"] = {"state": "applied", "strength": 0.5}
        answer = plain(client, "/api/loras", **{"If-None-Match": tag})
    assert answer.json()["loras"][0]["is_applied"]
