"""Choosing the picture of a LoRA over HTTP."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.support.loras.files import add_pair, write_lora
from tests.support.result_files import metadata, write_video
from utils import Settings

RED = (200, 20, 20)


@pytest.fixture(autouse=True)
def stored(settings: Settings) -> Path:
    return write_lora(settings.loras_dir / "ink.safetensors")


def picture(kind: str = "PNG", colour: tuple[int, int, int] = RED) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(data, kind)
    return data.getvalue()


def shown(client: TestClient) -> tuple[int, ...]:
    answer = client.get("/api/loras/thumbnail", params={"name": "ink"})
    with Image.open(io.BytesIO(answer.content)) as found:
        return found.convert("RGB").getpixel((20, 20))  # type: ignore[return-value]


def near(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_taken_and_given_back(
    client: TestClient, settings: Settings, kind: str
) -> None:
    before = client.get("/api/loras/search").json()["loras"][0]["thumbnail_version"]
    answer = client.put("/api/loras/thumbnail", params={"name": "ink"}, content=picture(kind))
    assert answer.status_code == 200, answer.text
    assert answer.json()["record"]["thumbnail_version"] != before
    assert near(shown(client), RED)
    assert (settings.loras_dir / "ink.preview.png").is_file()
    assert client.delete("/api/loras/thumbnail", params={"name": "ink"}).json()["ok"]
    assert not near(shown(client), RED)
    assert not client.delete("/api/loras/thumbnail", params={"name": "ink"}).json()["ok"]


def test_what_is_no_picture_is_refused(client: TestClient, settings: Settings) -> None:
    for content in (b"", b"<svg/>", b"x" * 1000, picture()[:60]):
        answer = client.put("/api/loras/thumbnail", params={"name": "ink"}, content=content)
        assert answer.status_code == 409
        assert answer.json()["error"]["suggestions"]
    assert not (settings.loras_dir / "ink.preview.png").exists()


def test_there_has_to_be_such_a_lora(client: TestClient) -> None:
    answer = client.put("/api/loras/thumbnail", params={"name": "gone"}, content=picture())
    assert answer.status_code == 404


def test_a_videos_first_frame_is_taken(client: TestClient, tmp_path: Path) -> None:
    video = write_video(tmp_path, "clip", metadata()).read_bytes()
    answer = client.put("/api/loras/thumbnail", params={"name": "ink"}, content=video)
    assert answer.status_code == 200, answer.text


def test_a_finished_video_gives_its_picture(client: TestClient, settings: Settings) -> None:
    write_video(settings.outputs_dir, "made", metadata(id="made-1"))
    chosen = {"name": "ink", "result": "made-1"}
    answer = client.put("/api/loras/thumbnail", params=chosen)
    assert answer.status_code == 200, answer.text
    assert (settings.loras_dir / "ink.preview.png").is_file()
    answer = client.put("/api/loras/thumbnail", params={**chosen, "result": "gone"})
    assert 400 <= answer.status_code < 500


def test_a_picture_of_another_tool_goes_to_the_trash(
    client: TestClient, settings: Settings
) -> None:
    theirs = settings.loras_dir / "ink.preview.png"
    theirs.write_bytes(before := picture(colour=(0, 0, 200)))
    client.put("/api/loras/thumbnail", params={"name": "ink"}, content=picture())
    assert theirs.read_bytes() != before
    entry = client.get("/api/loras/trash").json()["trash"][0]
    assert (entry["name"], entry["files"]) == ("ink (preview)", ["ink.preview.png"])
    assert client.post("/api/loras/undo", json={"name": entry["name"]}).status_code == 409
    client.delete("/api/loras/thumbnail", params={"name": "ink"})
    client.post("/api/loras/undo", json={"name": entry["name"]})
    assert theirs.read_bytes() == before


def test_a_half_of_a_pair_has_the_picture_of_the_pair(
    client: TestClient, settings: Settings
) -> None:
    add_pair(settings.loras_dir)
    client.post("/api/loras/refresh")
    whole, half, other = (
        client.get("/api/loras/thumbnail", params={"name": name})
        for name in ("style", "style_low_noise", "style_low_noise_2")
    )
    assert (whole.status_code, half.status_code, other.status_code) == (200, 200, 404)
    assert half.content == whole.content


def test_a_page_that_has_not_heard_that_a_lora_is_gone_gets_no_picture(
    client: TestClient, settings: Settings, stored: Path
) -> None:
    record = client.get("/api/loras/search").json()["loras"][0]
    seen = {"name": "ink", "v": record["thumbnail_version"]}
    assert client.get("/api/loras/thumbnail", params=seen).status_code == 200
    stored.unlink()
    client.post("/api/loras/refresh")
    gone = client.get("/api/loras/thumbnail", params=seen)
    assert (gone.status_code, gone.content) == (204, b"")
    assert gone.headers["Cache-Control"] == "no-store"
    assert client.get("/api/loras/thumbnail", params={"name": "ink"}).status_code == 404
