"""Run as a program on a small disk that holds the data folder: the app while that is full.

Arguments: where the outputs are, and the disk. Prints what each request was answered.
"""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.support.jobs.scripted_queue import SCRIPTED
from tests.support.result_files import metadata, write_video
from utils import JobQueue, LoRAManager, LoRAUploadHandler, Settings, load_settings
from wan_lora_studio.ui.http.api import build_api

KEPT_NAMES = ("one", "two", "three")


def app(settings: Settings) -> TestClient:
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    handler = LoRAUploadHandler(settings, loras)
    # What is no error in words shall end this program.
    return TestClient(build_api(settings, loras, handler, queue), base_url="http://localhost")


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "filler").open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


def listed(client: TestClient) -> list[str]:
    answer = client.get("/api/results")
    assert answer.status_code == 200, answer.text
    return sorted(each["id"] for each in answer.json()["results"])


def words(answer: Any) -> list[Any]:
    error = answer.json().get("error", {})
    return [answer.status_code, error.get("cause"), error.get("suggestions", [None])[0]]


def asked(client: TestClient) -> dict[str, Any]:
    """Everything that a person would do to make room."""
    found: dict[str, Any] = {"list": listed(client)}
    found["favourite"] = words(client.patch("/api/results/one", json={"favourite": True}))
    found["delete"] = client.delete("/api/results/one").status_code
    found["then"] = listed(client)
    trash = client.get("/api/results/trash").json()["results"]
    found["trash"] = [each["id"] for each in trash]
    found["undo"] = client.post("/api/results/one/undo").status_code
    found["again"] = listed(client)
    for path in ("status", "jobs", "loras", "sets", "results/filters", "results/one"):
        found[path] = client.get(f"/api/{path}").status_code
    task = {"model_type": "demo", "prompt": "quick"}
    found["submit"] = words(client.post("/api/jobs", json={"task": task}))
    found["metrics"] = client.get("/metrics").status_code
    return found


def main(outputs: Path, disk: Path) -> None:
    settings = load_settings(
        outputs_dir=outputs, data_dir=disk / "data", loras_dir=disk / "loras", log_file_mb=0
    )
    settings.loras_dir.mkdir()
    for name in KEPT_NAMES:
        write_video(settings.outputs_dir, name, metadata(id=name))
    found: dict[str, Any] = {}
    with app(settings) as client:
        found["before"] = listed(client)
        fill(disk)
        found["full"] = asked(client)
    fill(disk)
    with app(settings) as client:
        found["full at the start"] = asked(client)
        found["health"] = client.get("/healthz").status_code
        found["problems"] = client.get("/api/status").json()["problems"]
        client.delete("/api/results/two")
        found["emptied"] = client.post("/api/results/trash/empty").json()["count"]
        found["at last"] = listed(client)
        (disk / "filler").unlink()
        found["room"] = client.patch("/api/results/one", json={"favourite": True}).status_code
        found["in the end"] = listed(client)
    with app(settings) as client:
        found["after a restart"] = listed(client)
        found["kept"] = client.get("/api/results/one").json()["favourite"]
    print(json.dumps(found))
    shutil.rmtree(outputs, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[2]) / sys.argv[1], Path(sys.argv[2]))
