"""Other people's apps, each started in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser.running import LORAS, MODELS, stop_app, wait_for_address
from tests.support.paths import ROOT

EXAMPLES = ROOT / "examples"
HOSTS = ROOT / "tests" / "support" / "hosts"
# What Gradio and uvicorn say when they answer.
GRADIO = re.compile(r"Running on local URL:\s+(http://\S+)")
UVICORN = re.compile(r"Uvicorn running on (http://\S+)")


@dataclass(frozen=True)
class Host:
    """A running host: its address with a slash at the end, and the folder it was started in."""

    address: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def loras(self) -> Path:
        return self.folder / "loras"

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(encoding="utf-8")


@contextmanager
def running(
    folder: Path, command: list[str], ready: re.Pattern[str], **more: str
) -> Iterator[Host]:
    """A Python command in a folder of its own, until the end of the block.

    What it says must hold no traceback: what a host does not expect is an error of ours.
    """
    process, address = start(folder, command, ready, **more)
    host = Host(address, folder, process)
    try:
        yield host
    finally:
        stop_app(process)
    assert "Traceback" not in host.log, host.log


def start(
    folder: Path, command: list[str], ready: re.Pattern[str], **more: str
) -> tuple[subprocess.Popen[bytes], str]:
    """The process and its address, which is found in what it says; `more` are variables."""
    folder.mkdir(exist_ok=True)
    log = folder / "log.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**variables(folder), **more},
        )
    return process, wait_for_address(process, log, ready).rstrip("/") + "/"


def variables(folder: Path) -> Mapping[str, str]:
    """What every host finds in its environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WAN_LORA_")}
    return {
        **kept,
        "MODEL": str(MODELS / "demo"),
        "LORAS": str(folder / "loras"),
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "GRADIO_SERVER_PORT": free_port(),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "HF_HUB_OFFLINE": "1",
    }


def free_port() -> str:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def status_of(address: str, **headers: str) -> int:
    """The status of a plain GET, without a browser's cookies."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def with_demo_loras(folder: Path, place: str = "loras") -> Path:
    """The folder, with the demo LoRAs in its library."""
    shutil.copytree(LORAS, folder / place, ignore=shutil.ignore_patterns(".*"))
    return folder
