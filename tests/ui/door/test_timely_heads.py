"""Connections that send no whole head are closed; all others live as before."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from wan_lora_studio.ui.door.timely_heads import TimelyHeads

HEAD = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n"
PATIENCE = 20.0


class Hurried(TimelyHeads):
    head_seconds = 0.3


async def slow(request: Request) -> PlainTextResponse:
    await asyncio.sleep(4 * Hurried.head_seconds)
    return PlainTextResponse(f"slept, {len(await request.body())} bytes")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = Starlette(
        routes=[
            Route("/quick", lambda _: PlainTextResponse("quick")),
            Route("/slow", slow, methods=["GET", "POST"]),
        ]
    )
    config = uvicorn.Config(app, port=0, http=Hurried, log_level="error", timeout_keep_alive=60)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        yield connection


def is_closed(connection: socket.socket) -> bool:
    """Waits for the end of what the server sends."""
    return connection.recv(1) == b""


def body_of(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 5:
        piece = connection.recv(4096)
        assert piece, answer
        answer += piece
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("sent", [b"", b"G", HEAD % b"quick"])
def test_a_head_that_does_not_come_is_not_waited_for(
    connection: socket.socket, sent: bytes
) -> None:
    connection.sendall(sent)
    assert is_closed(connection)


def test_nor_is_one_that_comes_in_crumbs(connection: socket.socket) -> None:
    connection.settimeout(Hurried.head_seconds / 5)
    with pytest.raises((BrokenPipeError, ConnectionResetError, EOFError)):
        for byte in b"GET /quick HTTP/1.1\r\nX: " + b"x" * 1000:
            connection.sendall(bytes([byte]))
            try:
                if connection.recv(1) == b"":
                    raise EOFError
            except TimeoutError:
                continue


def test_a_second_head_on_a_connection_is_as_hurried(connection: socket.socket) -> None:
    connection.sendall(HEAD % b"quick" + b"\r\n")
    assert body_of(connection) == b"quick"
    connection.sendall(HEAD % b"quick")
    assert is_closed(connection)


def test_an_answer_may_take_longer_than_a_head(connection: socket.socket) -> None:
    connection.sendall(HEAD % b"slow" + b"\r\n")
    assert body_of(connection) == b"slept, 0 bytes"
    connection.sendall(HEAD % b"quick" + b"\r\n")
    assert body_of(connection) == b"quick"


def test_a_body_may_take_longer_than_a_head(connection: socket.socket) -> None:
    head = (HEAD % b"slow").replace(b"GET", b"POST") + b"Content-Length: 3\r\n\r\n"
    connection.sendall(head)
    wait = threading.Event()
    for byte in b"abc":
        wait.wait(Hurried.head_seconds)
        connection.sendall(bytes([byte]))
    assert body_of(connection) == b"slept, 3 bytes"
