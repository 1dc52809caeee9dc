"""Run as a program while a folder of the app is read-only: what each request is answered.

The argument is the folder that holds `outputs`, `data` and `loras`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.crash.full_disk_results import app, listed
from utils import load_settings


def main(folder: Path) -> None:
    settings = load_settings(
        **{f"{name}_dir": folder / name for name in ("outputs", "data", "loras")}, log_file_mb=0
    )
    found: dict[str, Any] = {}
    with app(settings) as client:
        found["list"] = listed(client)
        requests = {
            "delete": ("DELETE", "/api/results/one", None),
            "undo": ("POST", "/api/results/one/undo", None),
            "empty": ("POST", "/api/results/trash/empty", None),
            "favourite": ("PATCH", "/api/results/two", {"favourite": True}),
            "submit": ("POST", "/api/jobs", {"task": {"model_type": "demo", "prompt": "quick"}}),
            "edit": ("POST", "/api/loras/edit", {"names": ["style"], "changes": {"title": "A"}}),
            "trash": ("GET", "/api/results/trash", None),
            "status": ("GET", "/api/status", None),
            "metrics": ("GET", "/metrics", None),
        }
        for word, (method, path, sent) in requests.items():
            answer = client.request(method, path, json=sent)
            body = answer.json() if word != "metrics" else {}
            one = (body.get("results") or [{}])[0]  # of an act on several LoRAs
            error = body.get("error") or one.get("error") or {}
            status = 409 if one.get("error") else answer.status_code
            found[word] = [status, error.get("message"), error.get("cause")]
        answer = client.get("/api/loras").json()
        found["loras"] = [each["name"] for each in answer.get("loras", [])]
        found["in the end"] = listed(client)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
