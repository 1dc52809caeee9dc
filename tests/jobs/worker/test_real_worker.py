"""The queue with the real worker: torch, diffusers, a small random model of Wan's classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.jobs.scripted_queue import task, wait_for_state, wait_until
from tests.support.result_files import frames_of
from tests.support.tiny_models import save_tiny_model, table_row
from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings, load_settings

pytestmark = pytest.mark.slow  # a worker with a model


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("studio")
    model = table_row("t2v", save_tiny_model(folder / "models" / "tiny"))
    return load_settings(
        loras_dir=folder / "loras",
        outputs_dir=folder / "outputs",
        models_dir=folder / "models",
        data_dir=folder / "data",
        models={"tiny": model},
        default_model="tiny",
        device="cpu",
    )


@pytest.fixture(scope="module")
def queue(settings: Settings) -> Iterator[JobQueue]:
    made = JobQueue(settings)
    made.start()
    yield made
    made.close()


def wait_for_model(queue: JobQueue) -> None:
    wait_until(lambda: queue.status()["worker"]["model"] == "tiny", "the model in memory")


def test_the_worker_loads_the_default_model_and_says_so(queue: JobQueue) -> None:
    wait_for_model(queue)
    worker = queue.status()["worker"]
    assert (worker["state"], worker["device"]) == ("ready", "cpu")
    assert worker["memory"]["process"] > 0


def test_a_job_becomes_a_video(queue: JobQueue, settings: Settings) -> None:
    job = queue.submit(task("a red circle", model_type="tiny", steps=3))
    done = wait_for_state(queue, job.id, "done", "failed")
    assert done.error is None and done.result is not None
    video = Path(done.result["video_path"])
    assert video.parent == settings.outputs_dir
    assert len(frames_of(str(video))) == job.task.num_frames == 5
    assert Path(done.result["poster_path"]).is_file()
    assert done.result["task"] == job.task.to_dict()
    preview = queue.preview(job.id)
    assert preview is not None and preview.startswith(b"\xff\xd8"), "a JPEG"


def test_cancel_stops_a_run_within_its_steps(queue: JobQueue, settings: Settings) -> None:
    job = queue.submit(task("a long one", model_type="tiny", steps=1000))

    def stepping() -> bool:
        running = queue.get(job.id)
        return running is not None and running.progress["step"] > 2

    wait_until(stepping, "some steps")
    before = set(settings.outputs_dir.iterdir())
    assert queue.cancel(job.id)
    cancelled = wait_for_state(queue, job.id, "cancelled", "done", "failed")
    assert cancelled.state == "cancelled"
    assert cancelled.progress["step"] < 1000
    assert set(settings.outputs_dir.iterdir()) == before
    after = queue.submit(task("the next", model_type="tiny", steps=2))
    wait_for_state(queue, after.id, "done")


def test_a_lora_that_is_not_there_is_refused_by_name(queue: JobQueue) -> None:
    with pytest.raises(LoRANotFoundError, match="gone"):
        queue.submit(task("x", model_type="tiny", selected_loras={"gone": 1.0}))


def test_a_model_that_is_not_there_fails_the_job_with_what_to_do(queue: JobQueue) -> None:
    job = queue.submit(task("x", model_type="demo"))
    failed = wait_for_state(queue, job.id, "failed", "done")
    assert failed.error is not None and failed.error["type"] == "ModelLoadError"
    assert failed.error["suggestions"]
