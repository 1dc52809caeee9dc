"""Whole folders over HTTP: halves, descriptions and previews, one file after another."""

from __future__ import annotations

import errno
import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from lora_ui.http import uploads as uploading
from tests.support.loras.files import write_lora
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


def together(
    client: TestClient,
    filename: str,
    files: dict[str, bytes],
    lora: bytes,
    *,
    folder: str | None = None,
    status: int = 201,
) -> dict[str, Any]:
    """One request: the files that go beside the LoRA, then the LoRA."""
    params: dict[str, Any] = {"filename": filename}
    params["beside"] = [f"{len(data)}:{name}" for name, data in files.items()]
    if folder is not None:
        params["folder"] = folder
    body = b"".join(files.values()) + lora
    answer = client.put("/api/loras/upload", params=params, content=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def visible(settings: Settings) -> set[str]:
    root = settings.loras_dir
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("[!.]*")
        if path.is_file() and not path.relative_to(root).as_posix().startswith(".")
    }


def nothing_staged(settings: Settings) -> bool:
    return list((settings.loras_dir / ".staging").iterdir()) == []


def test_a_lora_and_what_goes_beside_it_are_one_change(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    files = {
        "ink.json": json.dumps({"activation text": "inky"}).encode(),
        "ink.civitai.info": b'{"model": {"name": "Ink"}}',
        "ink.preview.png": png(),
    }
    found = together(client, "ink.safetensors", files, content(tmp_path, 1))
    record = found["record"]
    assert (record["title"], record["metadata"]["trigger_words"]) == ("Ink", ["inky"])
    assert [item["status"] for item in found["beside"]] == ["taken_along"] * 3
    assert visible(settings) == {"ink.safetensors", *files}
    assert nothing_staged(settings)


def test_what_goes_along_gets_the_name_that_the_lora_gets(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    files = {"ink.txt": b"words", "ink.mp4": b"no video at all", "readme.md": b"x"}
    found = together(client, "other.safetensors", files, content(tmp_path, 1))
    assert [item["status"] for item in found["beside"]] == ["taken_along", "refused", "refused"]
    assert all(item["error"]["message"] for item in found["beside"][1:])
    assert visible(settings) == {"other.safetensors", "other.txt"}
    assert nothing_staged(settings)


def test_a_folder_keeps_its_structure(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    (settings.loras_dir / "Pack").mkdir(parents=True)
    files = {"ink.txt": b"words"}
    together(client, "ink.safetensors", files, content(tmp_path, 1), folder="pack/st?yle/..")
    for seed, role in ((2, "high"), (3, "low")):
        name = f"{role}_noise_model.safetensors"
        together(client, name, {}, content(tmp_path, seed), folder="pack/glow")
    assert visible(settings) == {
        "Pack/st_yle/ink.safetensors",
        "Pack/st_yle/ink.txt",
        "Pack/glow/high_noise_model.safetensors",
        "Pack/glow/low_noise_model.safetensors",
    }
    assert sorted(client.get("/api/loras/search").json()["names"]) == ["glow", "ink"]


def test_a_configuration_gets_a_folder_of_its_own(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    config = {"adapter_config.json": b'{"lora_alpha": 8, "r": 4}'}
    together(client, "ink.safetensors", config, content(tmp_path, 1))
    for seed in (2, 3):
        name = "adapter_model.safetensors"
        together(client, name, config, content(tmp_path, seed), folder="peft")
    together(client, "plain.safetensors", {}, content(tmp_path, 4), folder="peft")
    assert visible(settings) == {
        "ink/adapter_config.json",
        "ink/ink.safetensors",
        "peft/adapter_config.json",
        "peft/adapter_model.safetensors",
        "peft 2/adapter_config.json",
        "peft 2/adapter_model.safetensors",
        "peft/plain/plain.safetensors",
    }


def test_a_refused_lora_brings_nothing_along(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    put(client, "ink.safetensors", content(tmp_path, 1))
    (settings.loras_dir / "free.txt").write_text("mine")
    for name, lora in (
        ("again.safetensors", content(tmp_path, 1)),
        ("ink.safetensors", content(tmp_path, 2)),
        ("broken.safetensors", b"no lora"),
        ("free.safetensors", content(tmp_path, 3)),
    ):
        together(client, name, {"x.txt": b"words", "x.png": png()}, lora, status=422)
        assert visible(settings) == {"ink.safetensors", "free.txt"}
        assert nothing_staged(settings)


def test_no_space_for_what_goes_along_is_said(
    client: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(tempfile.SpooledTemporaryFile[bytes]):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(uploading.tempfile, "SpooledTemporaryFile", Full)
        together(client, "ink.safetensors", {"x.txt": b"w"}, content(tmp_path, 1), status=507)
    assert visible(settings) == set()
    assert nothing_staged(settings)
    together(client, "ink.safetensors", {"x.txt": b"w"}, content(tmp_path, 1))


@pytest.mark.parametrize("beside", ["ink.txt", "-1:ink.txt", "9:", "999999999999:ink.txt"])
def test_sizes_have_to_be_told(client: TestClient, settings: Settings, beside: str) -> None:
    params = {"filename": "ink.safetensors", "beside": beside}
    answer = client.put("/api/loras/upload", params=params, content=b"x" * 20)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert visible(settings) == set()


def test_a_zip_brings_its_loras_in_its_folders(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("ink/ink.safetensors", content(tmp_path, 1))
        archive.writestr("ink/ink.png", png())
        archive.writestr("../out.safetensors", content(tmp_path, 2))
    found: Any = put(client, "pack.zip", data.getvalue())
    assert found["record"]["path"] == "ink/ink.safetensors"
    assert [(item["filename"], item["status"]) for item in found["uploads"]] == [
        ("ink/ink.safetensors", "stored"),
        ("ink/ink.png", "taken_along"),
        ("../out.safetensors", "refused"),
    ]
    assert (settings.loras_dir / "ink" / "ink.png").is_file()
    error: Any = put(client, "pack.zip", data.getvalue(), 422)["error"]
    assert error["context"]["uploads"][0]["status"] == "duplicate"
    assert not list((settings.loras_dir / ".staging").iterdir())


def test_what_is_too_large_is_413(client: TestClient) -> None:
    answer = client.put("/api/loras/upload?filename=a.safetensors", content=bytes(1_000_001))
    assert answer.status_code == 413
    error = answer.json()["error"]
    assert (error["category"], error["context"]["limit_bytes"]) == ("upload", 1_000_000)


def test_a_text_that_is_called_safetensors_is_none(client: TestClient) -> None:
    text = b"Please log in to download this model."
    answer = client.put("/api/loras/upload?filename=a.safetensors", content=text)
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert "not a safetensors file but a text" in message
    assert "bytes" not in message
