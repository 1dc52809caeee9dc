"""Whole folders over HTTP: halves, descriptions and previews, one file after another."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from lora_files import write_lora
from PIL import Image
from starlette.testclient import TestClient

from utils import Settings


def content(folder: Path, seed: int) -> bytes:
    return write_lora(folder / f"source {seed}.safetensors", seed=seed).read_bytes()


def put(client: TestClient, filename: str, data: bytes, status: int = 201) -> dict[str, object]:
    answer = client.put("/api/loras/upload", params={"filename": filename}, content=data)
    assert answer.status_code == status, answer.text
    found: dict[str, object] = answer.json()
    return found


def beside(client: TestClient, name: str, filename: str, data: bytes, status: int = 200) -> None:
    params = {"name": name, "filename": filename}
    answer = client.put("/api/loras/sidecar", params=params, content=data)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.json()["error"]["suggestions"] is not None


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(data, "PNG")
    return data.getvalue()


def test_halves_that_are_named_by_their_folder_meet_there(
    client: TestClient, tmp_path: Path
) -> None:
    for seed, role in enumerate(("high", "low")):
        put(client, f"pack/ink/{role}_noise_model.safetensors", content(tmp_path, seed))
    page = client.get("/api/loras/search").json()
    assert page["names"] == ["ink"]
    assert page["loras"][0]["is_pair"]


def test_a_file_with_a_name_of_its_own_goes_to_the_top(client: TestClient, tmp_path: Path) -> None:
    put(client, "pack/ink.safetensors", content(tmp_path, 1))
    assert client.get("/api/loras/search").json()["loras"][0]["path"] == "ink.safetensors"
    error = put(client, "other/ink.safetensors", content(tmp_path, 2), 422)["error"]
    assert isinstance(error, dict)
    assert error["context"]["proposed_name"] == "ink 2"
    error = put(client, "again.safetensors", content(tmp_path, 1), 422)["error"]
    assert isinstance(error, dict)
    assert (error["context"]["reason"], error["context"]["existing"]) == ("duplicate", "ink")


def test_descriptions_and_previews_are_taken_along(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    put(client, "ink.safetensors", content(tmp_path, 1))
    beside(client, "ink", "pack/ink.json", json.dumps({"activation text": "inky"}).encode())
    beside(client, "ink", "ink.preview.png", png())
    record = client.get("/api/loras/search").json()["loras"][0]
    assert record["metadata"]["trigger_words"] == ["inky"]
    assert (settings.loras_dir / "ink.preview.png").is_file()


@pytest.mark.parametrize(
    ("filename", "data"),
    [
        ("ink.png", b"<svg onload=alert(1)>"),
        ("ink.json", b"[1]"),
        ("ink.exe", b"MZ"),
        ("ink.mp4", b"no video at all"),
        ("ink.txt", b"\xff\x00"),
    ],
)
def test_what_is_not_what_its_ending_says_is_refused(
    client: TestClient, settings: Settings, tmp_path: Path, filename: str, data: bytes
) -> None:
    put(client, "ink.safetensors", content(tmp_path, 1))
    beside(client, "ink", filename, data, 422)
    assert [path.name for path in settings.loras_dir.glob("ink*")] == ["ink.safetensors"]
    assert list((settings.loras_dir / ".staging").iterdir()) == []


def test_nothing_is_overwritten_and_there_has_to_be_such_a_lora(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    put(client, "ink.safetensors", content(tmp_path, 1))
    (settings.loras_dir / "ink.txt").write_text("mine")
    beside(client, "ink", "ink.txt", b"theirs", 409)
    beside(client, "gone", "gone.txt", b"theirs", 404)
    beside(client, "../ink", "x.txt", b"theirs", 404)
    assert (settings.loras_dir / "ink.txt").read_text() == "mine"
