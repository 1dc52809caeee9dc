"""The LoRA trash on a disk that is full to the last byte.

`python -m tests.crash.full_disk_trash FOLDER`

Prints as JSON what emptying it was answered, and what was left.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from lora_ui.http.router import create_lora_router
from tests.crash.full_disk_uploads import Disk
from tests.support.loras.files import write_lora
from utils import LoRAManager, LoRAUploadHandler
from wan_lora_studio.lora.storage import Catalog

NAMES = ("one", "two", "kept", "new")


def client_of(disk: Disk, loras: LoRAManager) -> TestClient:
    app = FastAPI()
    app.include_router(create_lora_router(disk.settings, loras, LoRAUploadHandler(disk.settings)))
    return TestClient(app)


def main(folder: Path, sources: Path, *, restarted: bool, cut_off: bool) -> dict[str, Any]:
    disk = Disk(folder, sources)
    loras = LoRAManager(disk.settings)
    for number, name in enumerate(NAMES):
        path = write_lora(sources / f"{name}.safetensors", seed=number)
        if name != "new":
            loras.upload_lora_file(path, path.name)
    loras.edit_lora_metadata("one", {"title": "First"})
    loras.delete_lora_file("one")
    loras.delete_lora_file("two")
    found: dict[str, Any] = {}
    if cut_off:
        with Catalog(loras.root).transaction() as db:
            moves = json.dumps([[".staging/x", ".trash/x"]])
            db.execute("INSERT INTO intents (moves, folders) VALUES (?, '[]')", (moves,))
    disk.fill()
    if restarted:
        loras = LoRAManager(disk.settings)
    with client_of(disk, loras) as client:
        if cut_off:
            found["cut off"] = client.post("/api/loras/trash/empty").status_code
            found["kept"] = len(client.get("/api/loras/trash").json()["trash"])
            return found
        answer = client.post("/api/loras/trash/empty")
        found["emptied"] = [answer.status_code, answer.json()]
        found["files"] = disk.left()
        found["trash"] = client.get("/api/loras/trash").json()["trash"]
        found["again"] = client.post("/api/loras/trash/empty").status_code
        disk.filler.unlink()
        loras.upload_lora_file(sources / "new.safetensors", "new.safetensors")
        loras.refresh()
        found["at last"] = sorted(loras.list_available_loras())
    restarted_library = LoRAManager(disk.settings)
    found["after a restart"] = sorted(restarted_library.list_available_loras())
    found["edits"] = sorted(Catalog(restarted_library.root).edits())
    return found


if __name__ == "__main__":
    os.umask(0o077)
    sources, since, small = sys.argv[1:]
    cut_off = since == "cut off"
    restarted = cut_off or since == "restarted"
    print(json.dumps(main(Path(small), Path(sources), restarted=restarted, cut_off=cut_off)))
