"""What is copied about a failed run: enough to help, nothing that is nobody's business."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wan_lora_studio.diagnostic_text import diagnostics
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.logs import log_file
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.task import GenerationTask


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path)


def failed_job() -> dict[str, Any]:
    error = GenerationError(
        "The result is all black.",
        cause="A LoRA is too strong.",
        suggestions=["Lower the strengths."],
        context={
            "step": 4,
            "traceback": "Traceback: token=abc123",
            "machine": {"device_name": "Test GPU"},
        },
    )
    error.__cause__ = ValueError("from https://me:hunter2@example.org")
    task = GenerationTask(
        model_type="demo", prompt="my private wish", selected_loras={"anime": 0.8}, seed=7
    )
    return {
        "id": "job-7",
        "state": "failed",
        "task": task.to_dict(),
        "progress": {"stage": "decode", "step": 4, "steps": 20},
        "created": 1.0,
        "error": error.to_dict(),
    }


def test_it_tells_error_chain_task_versions_hardware_and_settings(settings: Settings) -> None:
    text = diagnostics(failed_job(), settings, [{"state": "ready", "device": "cuda:0"}])
    for part in (
        "what: The result is all black.",
        "why: A LoRA is too strong.",
        "what next: Lower the strengths.",
        "caused by: ValueError: from https://***@example.org",
        'selected_loras: {"anime": 0.8}',
        "seed: 7",
        "torch ",
        "app ",
        '"device_name": "Test GPU"',
        '"device": "cuda:0"',
        'on_lora_failure: "fail"',
        "model: {",
        "1970-01-01",
    ):
        assert part in text, part


def test_it_holds_no_prompt_and_no_secret(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = settings.data_dir.parent
    monkeypatch.setattr(Path, "home", lambda: home)
    text = diagnostics(failed_job(), settings)
    for secret in ("private wish", "hunter2", "abc123", str(home)):
        assert secret not in text
    assert f"~/{settings.data_dir.name}" in text


def test_the_logs_lines_on_the_job_are_there(settings: Settings) -> None:
    path = log_file(settings, "worker")
    path.parent.mkdir(parents=True)
    path.write_text("a [job-7] backend: stage decode\nb [job-8] backend: another\n")
    text = diagnostics(failed_job(), settings)
    assert "worker: a [job-7] backend: stage decode" in text and "another" not in text


def test_a_batch_tells_each_parts_error(settings: Settings) -> None:
    job = failed_job()
    job["parts"] = [{"label": "seed 3", "error": {"type": "VRAMError", "message": "Full."}}]
    text = diagnostics(job, settings)
    assert "== Error of seed 3" in text and "what: Full." in text


def test_a_job_without_an_error_can_be_told_too(settings: Settings) -> None:
    assert "state: done" in diagnostics({"id": "x", "state": "done"}, settings)
