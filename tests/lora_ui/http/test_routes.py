"""The routes of the LoRA page over a real library."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lora_ui.static import ASSETS_URL
from utils import Settings


def put(client: TestClient, name: str, content: bytes) -> None:
    answer = client.put("/api/loras/upload", params={"filename": name}, content=content)
    assert answer.status_code == 201, answer.text


def names(client: TestClient) -> list[str]:
    return [card["name"] for card in client.get("/api/loras").json()["loras"]]


def test_an_upload_is_listed_and_answers_with_its_record(
    client: TestClient, content: bytes
) -> None:
    answer = client.put(
        "/api/loras/upload", params={"filename": "fresh.safetensors"}, content=content
    )
    assert answer.status_code == 201
    assert answer.json()["record"]["name"] == "fresh"
    assert names(client) == ["fresh"]


def test_a_library_that_has_not_changed_is_not_sent_again(
    client: TestClient, content: bytes
) -> None:
    tag = client.get("/api/loras").headers["etag"]
    assert client.get("/api/loras", headers={"If-None-Match": tag}).status_code == 304
    put(client, "fresh.safetensors", content)
    assert client.get("/api/loras", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("page.safetensors", b"<!doctype html>" * 100),
        ("empty.safetensors", b""),
        ("CON.safetensors", None),
        ("a\x00b.safetensors", None),
    ],
)
def test_a_refused_upload_says_why_and_leaves_nothing(
    client: TestClient, content: bytes, settings: Settings, name: str, wrong: bytes | None
) -> None:
    before = files_in(settings.loras_dir)
    answer = client.put(
        "/api/loras/upload",
        params={"filename": name},
        content=content if wrong is None else wrong,
    )
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert error["message"]
    assert error["suggestions"]
    assert names(client) == []
    assert files_in(settings.loras_dir) == before


def test_an_uploads_folders_are_not_followed(
    client: TestClient, content: bytes, settings: Settings
) -> None:
    client.put("/api/loras/upload", params={"filename": "../../up.safetensors"}, content=content)
    inside = {path.resolve() for path in settings.loras_dir.rglob("*")}
    anywhere = set(settings.loras_dir.parent.rglob("up*"))
    assert {path.resolve() for path in anywhere} <= inside


def files_in(folder: Path) -> set[str]:
    """Everything in the library but its own bookkeeping."""
    return {str(path) for path in folder.rglob("*.safetensors*")}


def test_an_upload_over_the_limit_is_refused(client: TestClient, settings: Settings) -> None:
    answer = client.put(
        "/api/loras/upload", params={"filename": "big.safetensors"}, content=b"x" * 2_000_000
    )
    assert 400 <= answer.status_code < 500
    assert files_in(settings.loras_dir) == set()


def test_an_upload_without_a_length_is_refused(client: TestClient) -> None:
    answer = client.put(
        "/api/loras/upload", params={"filename": "a.safetensors"}, content=iter([b"x", b"y"])
    )
    assert answer.status_code == 411


def test_rename_delete_and_undo(client: TestClient, content: bytes) -> None:
    put(client, "old.safetensors", content)
    assert client.post("/api/loras/rename", json={"name": "old", "new_name": "new"}).json()["ok"]
    assert names(client) == ["new"]
    assert client.post("/api/loras/delete", json={"name": "new"}).json()["ok"]
    assert names(client) == []
    assert client.post("/api/loras/undo", json={"name": "new"}).json()["ok"]
    assert names(client) == ["new"]


@pytest.mark.parametrize("action", ["rename", "delete"])
def test_an_action_on_nothing_is_answered_in_words(client: TestClient, action: str) -> None:
    answer = client.post(f"/api/loras/{action}", json={"name": "gone", "new_name": "x"})
    assert answer.status_code == 404
    assert "gone" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"name": 1}'])
def test_a_malformed_action_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post(
        "/api/loras/delete", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def test_a_thumbnail_is_a_picture_that_is_kept(client: TestClient, content: bytes) -> None:
    put(client, "fresh.safetensors", content)
    answer = client.get("/api/loras/thumbnail", params={"name": "fresh", "v": "1"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["gone", "../../etc/passwd", "", "/etc/passwd"])
def test_there_is_no_thumbnail_of_a_path(client: TestClient, name: str) -> None:
    assert client.get("/api/loras/thumbnail", params={"name": name}).status_code == 404


def test_details_tell_the_fit(client: TestClient, content: bytes) -> None:
    put(client, "fresh.safetensors", content)
    answer = client.get("/api/loras/details", params={"name": "fresh", "model": "t2v-A14B"}).json()
    assert answer["record"]["sha256"]
    assert answer["fit"]["verdict"] in ("fits", "partly", "no", "unknown")


def test_the_selection_belongs_to_the_browser(client: TestClient) -> None:
    chosen = {"style": {"high": 1.0, "low": 0.4}, "motion": 0.5}
    answer = client.put("/api/selection", json={"selected_loras": chosen, "model": "t2v-A14B"})
    assert answer.json()["selected_loras"] == chosen
    assert client.get("/api/selection").json()["model"] == "t2v-A14B"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    client.cookies.clear()
    assert client.get("/api/selection").json()["selected_loras"] == {}


def test_a_wrong_selection_keeps_the_old_one(client: TestClient) -> None:
    client.put("/api/selection", json={"selected_loras": {"style": 1.0}})
    answer = client.put("/api/selection", json={"selected_loras": {"style": "much"}})
    assert answer.status_code == 422
    assert client.get("/api/selection").json()["selected_loras"] == {"style": 1.0}


def test_the_summary_warns_of_what_is_not_there(client: TestClient) -> None:
    answer = client.put("/api/selection", json={"selected_loras": {"gone": 1.0}})
    assert "gone" in answer.json()["compatibility_warnings"][0]


def test_the_scripts_are_served_and_asked_about_each_time(client: TestClient) -> None:
    answer = client.get(f"{ASSETS_URL}/lora_tab.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert client.get(f"{ASSETS_URL}/../routes.py").status_code == 404
