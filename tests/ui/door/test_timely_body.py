"""A body that stalls is let go of on every route; one that arrives slowly is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message

from wan_lora_studio.ui.door import guard as guarding
from wan_lora_studio.ui.door.guard import Access, Guard
from wan_lora_studio.ui.door.timely_body import TimelyBody

IDLE = 0.2
POST: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/",
    "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    "query_string": b"",
}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "TimelyBody", lambda receive: TimelyBody(receive, IDLE))


def app() -> ASGIApp:
    inside = FastAPI()

    @inside.post("/")
    async def read(request: Request) -> int:
        return len(await request.body())

    return Guard(inside, Access())


def answer(*pieces: tuple[float, bytes | None]) -> list[Message]:
    """What is sent for a body of these pieces, each after so many seconds; None never comes."""
    waiting = list(pieces)

    async def receive() -> Message:
        pause, piece = waiting.pop(0) if waiting else (0.0, None)
        if piece is None:
            await asyncio.Event().wait()
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        async with asyncio.timeout(10):
            await app()(dict(POST), receive, send)

    asyncio.run(run())
    return sent


def status(sent: list[Message]) -> int:
    return int(next(each["status"] for each in sent if each["type"] == "http.response.start"))


@pytest.mark.parametrize("pieces", [[(0.0, None)], [(0.0, b"[1,"), (0.0, None)]])
def test_a_body_that_stalls_is_let_go(pieces: list[tuple[float, bytes | None]]) -> None:
    sent = answer(*pieces)
    assert status(sent) == 408
    (head,) = [each for each in sent if each["type"] == "http.response.start"]
    assert (b"connection", b"close") in head["headers"]


def test_a_body_that_arrives_slowly_is_read() -> None:
    half = IDLE / 2
    sent = answer(*[(half, b"12")] * 5)
    assert status(sent) == 200
    assert sent[-1]["body"] == b"10" or sent[1]["body"] == b"10"


def test_after_the_body_nothing_is_hurried() -> None:
    """A long answer waits for the reader to leave, as long as that takes."""

    async def run() -> Callable[[], Any]:
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await asyncio.sleep(2 * IDLE)
            return {"type": "http.disconnect"}

        body = TimelyBody(receive, IDLE)
        await body()
        assert await body() == {"type": "http.disconnect"}
        return lambda: body.stalled

    assert asyncio.run(run())() is False
