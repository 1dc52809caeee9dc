"""Whatever JSON is sent, the answer is one in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.testclient import TestClient

from lora_ui.http.json_body import MOST_BYTES
from lora_ui.http.responses import ErrorRoute


class Sent(BaseModel):
    name: str
    more: dict[str, Any] = {}


@pytest.fixture
def client() -> Iterator[TestClient]:
    router = APIRouter(route_class=ErrorRoute)

    @router.post("/echo")
    def echo(sent: Sent) -> Sent:
        return sent

    @router.put("/upload")
    async def upload(request: Request) -> int:
        return len([None async for _ in request.stream()])

    app = FastAPI()
    app.include_router(router)
    with TestClient(app) as client:
        yield client


def test_what_is_sound_goes_through(client: TestClient) -> None:
    sent = {"name": "é", "more": {"a": [1, 2.5, None, {"b": "x"}]}}
    assert client.post("/echo", json=sent).json() == sent


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000, '{"name":' * 5000, '{"name":"a","more":{"a":' + "[" * 300 + "]" * 300 + "}}",
        '{"name":"a","more":{"a":1' + "0" * 309 + "}}", '{"name":"a","more":{"a":1e999}}',
        '{"name":"a","more":{"a":NaN}}', "{", "nothing",
        '{"name":"a","more":{"a":[' + "[]," * 300_000 + "1]}}",
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_beyond_reason_is_refused(body: str, client: TestClient) -> None:
    answer = client.post("/echo", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["message"].startswith("The request cannot be read")
    assert error["suggestions"]


def test_too_much_is_counted_as_it_arrives(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"name":"'
        for _ in range(MOST_BYTES // 1_000_000 + 2):
            yield b"x" * 1_000_000

    answer = client.post("/echo", content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_half_a_character_is_refused(client: TestClient) -> None:
    body = b'{"name":"\\ud800","more":{"\\udc00":1}}'
    answer = client.post("/echo", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "half a character" in answer.json()["error"]["message"]


def test_a_file_of_json_is_no_request_of_json(client: TestClient) -> None:
    """Its own reader says what is wrong with it."""
    headers = {"content-type": "application/json"}
    assert client.put("/upload", content=b"[" * 100_000, headers=headers).status_code == 200
