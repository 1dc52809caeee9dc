"""Model and LoRA files that go, or go bad, between a job's submission and its run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs.scripted_queue import wait_for_state
from wan_lora_studio.jobs.job import Job
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.lora.files.hashing import file_sha256
from wan_lora_studio.settings import SHIPPED_CONFIG, Settings, load_settings
from wan_lora_studio.wan.task import GenerationTask

LORA = "pixel_mosaic"
SMALL: dict[str, Any] = {"width": 64, "height": 64, "num_frames": 5, "steps": 2, "seed": 5}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    shipped = SHIPPED_CONFIG.parent
    shutil.copytree(shipped / "models" / "demo", tmp_path / "models" / "demo")
    (tmp_path / "loras").mkdir()
    shutil.copy(shipped / "loras" / f"{LORA}.safetensors", tmp_path / "loras")
    folders = {f"{name}_dir": tmp_path / name for name in ("models", "loras", "outputs", "data")}
    return load_settings(**folders, device="cpu")


@pytest.fixture
def queue(settings: Settings) -> Iterator[JobQueue]:
    """Not started yet."""
    made = JobQueue(settings)
    yield made
    made.close()


def submit(queue: JobQueue) -> Job:
    fields = {"selected_loras": {LORA: 1.0}, **SMALL}
    return queue.submit(GenerationTask(model_type="demo", prompt="a red circle", **fields))


@pytest.mark.slow  # a worker with a model
def test_a_model_folder_that_is_removed_fails_the_job_and_is_found_again(
    settings: Settings, queue: JobQueue
) -> None:
    first, second = submit(queue), submit(queue)
    folder, aside = settings.models_dir / "demo", settings.models_dir / "aside"
    folder.rename(aside)
    queue.start()
    for job_id in (first.id, second.id):
        job = wait_for_state(queue, job_id, "failed", "done", "interrupted")
        assert job.error is not None and job.error["type"] == "ModelLoadError"
        assert str(folder) in job.error["message"] and job.error["suggestions"]
    aside.rename(folder)
    queue.retry(first.id)
    wait_for_state(queue, first.id, "done")
    folder.rename(aside)  # what is loaded stays
    queue.retry(second.id)
    wait_for_state(queue, second.id, "done")


@pytest.mark.slow  # a worker with a model
def test_corrupt_files_that_appear_after_submit_change_nothing(
    settings: Settings, queue: JobQueue
) -> None:
    job = submit(queue)
    path = settings.loras_dir / f"{LORA}.safetensors"
    sha256 = file_sha256(path)
    path.unlink()
    path.write_bytes(b"\xff" * 4096)  # under the same name, and beside it
    (settings.loras_dir / "other.safetensors").write_bytes(b"{")
    queue.start()
    ended = wait_for_state(queue, job.id, "done", "failed", "interrupted")
    assert ended.result is not None, ended.error
    report = ended.result["loras"][LORA]
    assert (report["outcome"], report["sha256"]) == ("applied", sha256)
