"""Hosts for tests: a Gradio app of its own process, and libraries for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from gradio_client import Client

from tests.support.paths import ROOT

PATIENT: dict[str, Any] = {"timeout": 120}  # seconds, for a machine that is busy


@dataclass
class Host:
    """A running one: its address, and the keys of its extensions."""

    process: subprocess.Popen[str]
    address: str
    keys: tuple[str, ...]

    def inside(self, number: int = 0) -> str:
        """Where the routes of one of its extensions are."""
        return f"{self.address}lora-studio/{self.keys[number]}"

    def show(self, folder: Path) -> None:
        """Have the first extension show another library."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@contextmanager
def running_host(*libraries: Path, **launch: Any) -> Iterator[Host]:
    options = json.dumps({"server_port": free_port(), **launch})
    command = [sys.executable, "-m", "tests.lora_ui.host_program", *map(str, libraries), options]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            address, *keys = json.loads(process.stdout.readline())
            yield Host(process, address, tuple(keys))
        finally:
            process.terminate()


@contextmanager
def http_of(host: Host, number: int = 0) -> Iterator[httpx.Client]:
    """A client of the routes of one of its extensions."""
    with httpx.Client(base_url=host.inside(number), **PATIENT) as client:
        yield client


@contextmanager
def client_of(host: Host) -> Iterator[Client]:
    client = Client(host.address, verbose=False, analytics_enabled=False, httpx_kwargs=PATIENT)
    try:
        yield client
    finally:
        client.close()


def demo_library(folder: Path, *names: str) -> Path:
    """A library with some of the demo LoRAs."""
    folder.mkdir(parents=True)
    for name in names or ("golden_hour", "pixel_mosaic"):
        shutil.copy(ROOT / "loras" / f"{name}.safetensors", folder)
    return folder


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
