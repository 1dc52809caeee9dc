"""What the guard tells the audit: changes and by whom, and nothing that was sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from wan_lora_studio.accounts import Audit
from wan_lora_studio.ui.door.guard import Access, Guard
from wan_lora_studio.ui.door.identity import Identities


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path / "audit.jsonl")


@pytest.fixture
def client(audit: Audit) -> TestClient:
    inside = FastAPI()

    @inside.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def answer(path: str, request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())), 404 if path == "gone" else 200)

    access = Access(identities=Identities(("ann", "right")), audit=audit)
    made = TestClient(Guard(inside, access), base_url="http://localhost")
    made.auth = ("ann", "right")
    return made


def test_a_change_is_told_with_its_names(client: TestClient, audit: Audit) -> None:
    body = {"name": "a", "new_name": "b", "prompt": "a secret fox"}
    assert client.post("/api/loras/rename", json=body).text != "0"
    line = audit.last(1)[0]
    assert (line["who"], line["did"]) == ("ann", "POST /api/loras/rename")
    assert (line["name"], line["new_name"], line["status"]) == ("a", "b", 200)
    assert "secret" not in audit.path.read_text()


def test_an_upload_is_told_by_its_address(client: TestClient, audit: Audit) -> None:
    data = b"x" * 1_000_000
    assert client.put("/api/loras/upload?filename=a.safetensors", content=data).text == "1000000"
    assert audit.last(1)[0]["filename"] == "a.safetensors"
    assert audit.path.stat().st_size < 1000


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 9000, b'{"name": {"a": 1}}', b"\xff\x00"])
def test_a_body_of_another_kind_passes_unharmed(
    client: TestClient, audit: Audit, body: bytes
) -> None:
    assert client.post("/api/jobs", content=body).text == str(len(body))
    assert "name" not in audit.last(1)[0]


def test_looking_and_typing_are_not_told(client: TestClient, audit: Audit) -> None:
    client.get("/api/loras")
    client.post("/api/jobs/estimate", json={"name": "a"})
    client.put("/api/selection", json={})
    assert audit.last(9) == []


def test_what_was_refused_or_did_not_work_is_told_as_such(client: TestClient, audit: Audit) -> None:
    client.post("/gone")
    assert audit.last(1)[0]["status"] == 404
