"""What the page copies about a failed run."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from utils import (
    GenerationTask,
    JobQueue,
    LoRAManager,
    LoRAUploadHandler,
    load_settings,
)
from wan_lora_studio.ui.http.api import build_api


def test_a_jobs_diagnostics_are_text_and_an_unknown_job_is_told(tmp_path: Path) -> None:
    settings = load_settings(loras_dir=tmp_path / "loras", data_dir=tmp_path / "data")
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras)
    app = build_api(settings, loras, LoRAUploadHandler(settings, loras), queue)
    client = TestClient(app)  # not entered: no worker is started
    try:
        job = queue.submit(GenerationTask(model_type="demo", prompt="a secret wish"))
        answer = client.get(f"/api/jobs/{job.id}/diagnostics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert f"id: {job.id}" in answer.text and "secret wish" not in answer.text
        missing = client.get("/api/jobs/none/diagnostics")
        assert missing.status_code == 404
        assert missing.json()["error"]["cause"] and missing.json()["error"]["suggestions"]
    finally:
        queue.close()
