"""Uploads to a library on a disk that is too small.

`python -m tests.crash.full_disk_uploads FOLDER`

Prints as JSON what came of each, and what was left.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from lora_ui.http.router import create_lora_router
from tests.support.loras.files import layer_keys, random_tensors, write_lora, write_safetensors
from utils import LoRAManager, LoRAUploadHandler, UploadError, load_settings

MIB = 1 << 20
RESERVE_MB = 5


class Disk:
    """The folder on the small disk, and another program that takes space there."""

    def __init__(self, folder: Path, sources: Path) -> None:
        self.filler = folder / "filler"
        self.root = folder / "loras"
        self.settings = load_settings(
            loras_dir=self.root, data_dir=folder / "data", outputs_dir=folder, disk_reserve_mb=0
        )
        self.small = write_lora(sources / "small.safetensors").read_bytes()
        tensors = random_tensors(layer_keys("diffusion_model.{m}"))
        # Weights for a text encoder are counted and left alone, so they may have any size.
        weight = random_tensors({"lora_te_x.lora_up.weight": (4 * MIB, 1)})
        self.big = write_safetensors(sources / "big.safetensors", tensors | weight).read_bytes()

    def fill(self) -> None:
        with self.filler.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(4096))
                except OSError:
                    return

    def left(self) -> list[str]:
        """All files but the library's own."""
        found = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        own = (".catalog.", ".lock", ".thumbnails/")
        return sorted(str(path) for path in found if not str(path).startswith(own))


def main(folder: Path, sources: Path) -> dict[str, Any]:
    disk = Disk(folder, sources)
    loras = LoRAManager(disk.settings)
    uploads = LoRAUploadHandler(disk.settings, loras)
    app = FastAPI()
    app.include_router(create_lora_router(disk.settings, loras, uploads))
    found: dict[str, Any] = {}
    with TestClient(app) as client:
        found["announced"] = answer_of(client, disk, disk.big)
        found["after announced"] = disk.left()
        found["streamed"] = refusal(uploads, disk.big)
        found["after streamed"] = disk.left()
        kept = disk.settings.model_copy(update={"disk_reserve_mb": RESERVE_MB})
        found["reserve"] = refusal(LoRAUploadHandler(kept, loras), disk.big)
        found["after reserve"] = disk.left()
        found["filled meanwhile"] = answer_of(client, disk, filling(disk))
        found["after filled"] = disk.left()
        found["no byte free"] = answer_of(client, disk, disk.small)
        found["after none free"] = disk.left()
        disk.filler.unlink()
        found["small"] = answer_of(client, disk, disk.small)
    found["at last"] = disk.left()
    found["after a restart"] = list(LoRAManager(disk.settings).list_available_loras())
    return found


def answer_of(client: TestClient, disk: Disk, body: bytes | Iterator[bytes]) -> list[Any]:
    """The status of an upload, and the reason if it is refused."""
    length = len(body) if isinstance(body, bytes) else len(disk.small)
    answer = client.put(
        "/api/loras/upload",
        params={"filename": "one.safetensors"},
        headers={"Content-Length": str(length)},
        content=body,
    )
    return [answer.status_code, answer.json().get("error", {}).get("message")]


def filling(disk: Disk) -> Iterator[bytes]:
    """A small LoRA, in the middle of which the disk becomes full."""
    half = len(disk.small) // 2
    yield disk.small[:half]
    disk.fill()
    yield disk.small[half:]


def refusal(uploads: LoRAUploadHandler, content: bytes) -> str | None:
    """What is said of an upload whose size nobody knows before."""
    try:
        uploads.process_upload(io.BytesIO(content), "one.safetensors")
    except UploadError as error:
        return error.message
    return None


if __name__ == "__main__":
    os.umask(0o077)
    print(json.dumps(main(Path(sys.argv[2]), Path(sys.argv[1]))))
