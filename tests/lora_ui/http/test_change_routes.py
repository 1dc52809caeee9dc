"""The routes that change the library, over a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.loras.files import write_lora
from utils import Settings


@pytest.fixture(autouse=True)
def stored(settings: Settings) -> None:
    for index, name in enumerate(("one", "two", "three")):
        write_lora(settings.loras_dir / f"{name}.safetensors", seed=index)


def post(client: TestClient, action: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(f"/api/loras/{action}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def names(client: TestClient) -> list[str]:
    return sorted(client.get("/api/loras/search").json()["names"])


def test_a_rename_answers_with_the_record(client: TestClient) -> None:
    answer = post(client, "rename", name="one", new_name="first")
    assert (answer["ok"], answer["record"]["name"]) == (True, "first")
    assert names(client) == ["first", "three", "two"]


def test_several_are_deleted_at_once_and_one_that_is_not_there_stops_no_other(
    client: TestClient,
) -> None:
    answer = post(client, "delete", names=["one", "gone", "two"])
    assert answer["ok"] is False
    assert [(item["name"], item["ok"]) for item in answer["results"]] == [
        ("one", True),
        ("gone", False),
        ("two", True),
    ]
    assert "gone" in answer["results"][1]["error"]["message"]
    assert names(client) == ["three"]
    assert post(client, "undo", names=["one", "two"])["ok"]
    assert names(client) == ["one", "three", "two"]


@pytest.mark.parametrize("body", [{}, {"name": "one", "names": ["two"]}, {"names": "one"}])
def test_it_has_to_be_said_which_are_meant(client: TestClient, body: dict[str, Any]) -> None:
    post(client, "delete", 422, **body)
    assert names(client) == ["one", "three", "two"]


def test_an_older_deletion_is_brought_back_by_its_id(
    client: TestClient, settings: Settings
) -> None:
    first = (settings.loras_dir / "one.safetensors").read_bytes()
    post(client, "delete", name="one")
    write_lora(settings.loras_dir / "one.safetensors", seed=9)
    post(client, "delete", name="one")
    trash = client.get("/api/loras/trash").json()["trash"]
    assert [entry["name"] for entry in trash] == ["one", "one"]
    post(client, "undo", name="one", id=trash[1]["id"])
    assert (settings.loras_dir / "one.safetensors").read_bytes() == first
    assert post(client, "trash/empty") == {"ok": True, "count": 1}
    assert client.get("/api/loras/trash").json() == {"trash": []}


def test_folders_are_made_listed_and_moved_to(client: TestClient, settings: Settings) -> None:
    assert post(client, "folders", folder="style/ink")["folders"] == ["style", "style/ink"]
    assert client.get("/api/loras/folders").json()["folders"] == ["style", "style/ink"]
    assert client.get("/api/loras").json()["folders"] == ["style", "style/ink"]
    answer = post(client, "move", names=["one", "two"], folder="style/ink")
    assert [item["record"]["path"] for item in answer["results"]] == [
        "style/ink/one.safetensors",
        "style/ink/two.safetensors",
    ]
    post(client, "move", 409, name="three", folder="nowhere")
    post(client, "folders", 409, folder="style/ink")
    assert (settings.loras_dir / "three.safetensors").is_file()


def test_edits_are_saved_for_one_and_for_many(client: TestClient) -> None:
    changes = {"title": "Ink", "trigger_words": ["ink"], "preferred_strengths": 0.7}
    record = post(client, "edit", name="one", changes=changes)["results"][0]["record"]
    assert (record["title"], record["preferred_strengths"]) == ("Ink", {"high": 0.7, "low": 0.7})
    answer = post(client, "edit", names=["one", "two"], changes={"favourite": True})
    assert [item["record"]["favourite"] for item in answer["results"]] == [True, True]
    assert answer["results"][0]["record"]["title"] == "Ink"
    record = post(client, "edit", name="one", changes={"title": None})["results"][0]["record"]
    assert record["title"] == "one"


def test_a_field_that_there_is_not_is_named(client: TestClient) -> None:
    answer = post(client, "edit", 409, name="one", changes={"colour": "red"})
    assert "colour" in answer["error"]["message"]


def test_two_are_paired_and_split_by_hand(client: TestClient) -> None:
    record = post(client, "pair", high="one", low="two")["record"]
    assert record["is_pair"]
    assert names(client) == sorted([record["name"], "three"])
    assert post(client, "split", name=record["name"]) == {"ok": True, "names": ["one", "two"]}
    assert names(client) == ["one", "three", "two"]
    post(client, "split", 409, name="one")


def test_a_search_is_answered_in_pages(client: TestClient) -> None:
    page = client.get("/api/loras/search", params={"q": "", "limit": 1, "offset": 1}).json()
    assert (page["total"], len(page["loras"])) == (3, 1)
    assert client.get("/api/loras/search", params={"q": "thr"}).json()["names"] == ["three"]
    assert client.get("/api/loras/search", params={"limit": 0}).status_code == 422


def test_duplicates_are_found(client: TestClient, settings: Settings) -> None:
    copy = settings.loras_dir / "copy.safetensors"
    copy.write_bytes((settings.loras_dir / "one.safetensors").read_bytes())
    post(client, "refresh")
    assert client.get("/api/loras/duplicates").json() == {"duplicates": [["copy", "one"]]}


def test_a_refresh_tells_what_is_still_done(client: TestClient, settings: Settings) -> None:
    before = client.get("/api/loras/refresh").json()["revision"]
    write_lora(settings.loras_dir / "four.safetensors", seed=4)
    answer = post(client, "refresh")
    assert answer["ok"]
    assert answer["revision"] > before
    assert names(client) == ["four", "one", "three", "two"]
    assert post(client, "refresh/cancel")["progress"] is None


def test_nothing_outside_the_library_can_be_named(client: TestClient, tmp_path: Path) -> None:
    for folder in ("../out", "/tmp", "a/../../out", "a\\b"):
        post(client, "folders", 409, folder=folder)
        post(client, "move", 409, name="one", folder=folder)
    assert not (tmp_path / "out").exists()
