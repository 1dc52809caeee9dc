"""A sender that goes away in the middle of an upload, at a real server: nothing is left."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import uvicorn
from fastapi import FastAPI

from lora_ui.http.router import create_lora_router
from tests.support.loras.files import write_lora
from utils import LoRAManager, LoRAUploadHandler, Settings

WAIT = 30.0
SIDECAR = b"words " * 1000


@pytest.fixture
def port(settings: Settings) -> Iterator[int]:
    loras = LoRAManager(settings)
    app = FastAPI()
    app.include_router(create_lora_router(settings, loras, LoRAUploadHandler(settings, loras)))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("sent", [0.05, 0.5, 0.95])
def test_a_sender_that_goes_away_leaves_nothing(
    port: int, settings: Settings, tmp_path: Path, sent: float
) -> None:
    staging = settings.loras_dir / ".staging"
    lora = write_lora(tmp_path / "ink.safetensors").read_bytes()
    body = SIDECAR + lora
    query = urlencode({"filename": "ink.safetensors", "beside": f"{len(SIDECAR)}:ink.txt"})
    head = f"PUT /api/loras/upload?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + body[: int(len(body) * sent)])
        wait_for(lambda: staging.is_dir() and any(staging.iterdir()))
    wait_for(lambda: not any(staging.iterdir()))
    assert not [path for path in settings.loras_dir.iterdir() if path.name[0] != "."]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + b"\r\n" + body)
        assert connection.recv(100).startswith(b"HTTP/1.1 201")
    names = {path.name for path in settings.loras_dir.iterdir() if path.name[0] != "."}
    assert names == {"ink.safetensors", "ink.txt"}
