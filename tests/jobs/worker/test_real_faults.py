"""Faults in the real worker on the demo model: every job ends truthfully, and the next is good."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.jobs.scripted_queue import wait_for_state
from tests.support.machine.moved_clock import DAY, clock_moved
from wan_lora_studio.jobs.job import Job
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import SHIPPED_CONFIG, Settings, load_settings
from wan_lora_studio.wan.generation.generation import generate_video
from wan_lora_studio.wan.generation.video_file import read_metadata
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models.loading import ModelManager
from wan_lora_studio.wan.task import GenerationTask

pytestmark = pytest.mark.slow  # a worker with a model

FAULTY = "tests.support.jobs.faulty_runner:FaultyRunner"
PROMPT = "a red circle moving left on a navy background"
LORA = "pixel_mosaic"
SMALL = {"width": 64, "height": 64, "num_frames": 5, "steps": 3, "seed": 5}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("faults")
    shipped = SHIPPED_CONFIG.parent / "loras" / f"{LORA}.safetensors"
    (folder / "loras").mkdir()
    shutil.copy(shipped, folder / "loras")
    tensors = load_file(str(shipped))
    next(iter(tensors.values())).view(-1)[3] = float("nan")
    save_file(tensors, str(folder / "loras" / "nan.safetensors"))
    return load_settings(
        loras_dir=folder / "loras",
        outputs_dir=folder / "outputs",
        data_dir=folder / "data",
        device="cpu",
    )


@pytest.fixture(scope="module")
def queue(settings: Settings) -> Iterator[JobQueue]:
    made = JobQueue(settings, runner=FAULTY)
    made.start()
    yield made
    made.close()


def small(prompt: str = PROMPT, **fields: Any) -> GenerationTask:
    return GenerationTask(
        model_type="demo", prompt=prompt, **{"selected_loras": {LORA: 1.0}, **SMALL, **fields}
    )


def ended(queue: JobQueue, task: GenerationTask) -> Job:
    return wait_for_state(queue, queue.submit(task).id, "done", "failed", "interrupted")


def frames(job: Job) -> np.ndarray[Any, Any]:
    assert job.result is not None, job.error
    with av.open(job.result["video_path"]) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def state(settings: Settings, job: Job) -> dict[str, Any]:
    lines = (settings.data_dir / "states.txt").read_text().splitlines()
    return next(found for line in lines if (found := json.loads(line))["id"] == job.id)


@pytest.fixture(scope="module")
def good(queue: JobQueue) -> Job:
    """A first run, to which the others are compared."""
    return ended(queue, small())


def assert_all_is_well(queue: JobQueue, settings: Settings, good: Job, failed: Job) -> None:
    """The model is as before, memory is back, and the next job makes the same video."""
    before, after = state(settings, good), state(settings, failed)
    assert after["weights"] in (before["weights"], None), "None: the model is not loaded"
    assert after["held"] <= 1.01 * before["held"], "kept LoRA files may be gone, nothing was added"
    following = ended(queue, small())
    assert state(settings, following)["weights"] == before["weights"]
    assert np.array_equal(frames(following), frames(good))
    assert abs(state(settings, following)["held"] - before["held"]) <= 0.01 * before["held"]


@pytest.mark.parametrize("stage", ["load", "apply", "text", "sample", "decode"])
def test_memory_that_stays_full_at_a_stage(
    stage: str, queue: JobQueue, settings: Settings, good: Job
) -> None:
    before = len(list(settings.outputs_dir.glob("*.mp4")))
    failed = ended(queue, small(f"full at {stage}: {PROMPT}"))
    assert failed.state == "failed" and failed.error is not None
    error = failed.error
    assert (error["type"], error["context"]["stage"]) == ("VRAMError", stage)
    assert error["message"] and error["cause"] and "that fits: 32×32" in error["suggestions"][0]
    assert error["context"]["recoveries"][0]["action"] == "free_caches"
    assert any("OutOfMemoryError" in link for link in error["chain"])
    assert "Traceback" not in json.dumps([error["message"], error["cause"], error["suggestions"]])
    assert len(list(settings.outputs_dir.glob("*.mp4"))) == before
    assert_all_is_well(queue, settings, good, failed)


def test_memory_that_the_encoder_does_not_get(
    queue: JobQueue, settings: Settings, good: Job
) -> None:
    """By the system's own limit. Larger than the others: a small video is encoded in what the
    process has already."""
    before = {path.name for path in settings.outputs_dir.iterdir()}
    large = {"width": 128, "height": 128, "num_frames": 17, "steps": 1}
    failed = ended(queue, small(f"full at write: {PROMPT}", **large))
    assert failed.error is not None, failed.result
    assert (failed.error["type"], failed.error["context"]["stage"]) == ("VRAMError", "write")
    assert {path.name for path in settings.outputs_dir.iterdir()} == before
    assert_all_is_well(queue, settings, good, failed)


def test_a_disk_that_is_full_while_writing(queue: JobQueue, settings: Settings, good: Job) -> None:
    """By the system's own limit: the MP4 may not grow beyond its first 2,000 bytes."""
    before = {path.name for path in settings.outputs_dir.iterdir()}
    failed = ended(queue, small(f"disk at write: {PROMPT}"))
    assert failed.error is not None, failed.result
    assert failed.error["type"] == "GenerationError" and "disk" in failed.error["cause"]
    assert str(settings.outputs_dir) in failed.error["message"]
    assert "Free disk space" in failed.error["suggestions"][0]
    assert {path.name for path in settings.outputs_dir.iterdir()} == before
    assert_all_is_well(queue, settings, good, failed)


def test_a_worker_that_is_killed_while_it_decodes_goes_on_from_there(queue: JobQueue) -> None:
    task = small(f"dies at decode: {PROMPT}")
    killed = ended(queue, task)
    assert killed.state == "interrupted"
    queue.retry(killed.id)
    again = wait_for_state(queue, killed.id, "done", "failed")
    assert any("goes on from there" in note for note in again.progress["notes"])
    whole = ended(queue, small(task.prompt))
    assert not whole.progress["notes"]
    assert np.array_equal(frames(again), frames(whole))
    assert again.result is not None and whole.result is not None
    assert again.result["timings"].keys() == whole.result["timings"].keys()
    assert again.result["loras"] == whole.result["loras"]


def test_a_clock_that_goes_back_while_a_job_runs(queue: JobQueue) -> None:
    """In the worker it does at the first step, in the app before the job ends."""
    job = queue.submit(small(f"clock at sample: {PROMPT}"))
    wait_for_state(queue, job.id, "running", "done")
    with clock_moved(-DAY):
        job = wait_for_state(queue, job.id, "done", "failed", "interrupted")
    assert job.result is not None and job.finished is not None and job.started is not None
    assert job.finished >= job.started
    assert all(0 <= seconds < DAY for seconds in job.result["timings"].values())
    assert queue.jobs(1)[0].id == job.id, "the newest comes first all the same"
    assert np.array_equal(frames(job), frames(ended(queue, small(job.task.prompt))))


def test_a_clock_that_goes_forward_while_a_job_runs(
    queue: JobQueue, settings: Settings, good: Job
) -> None:
    """Nothing is taken for given up, or for old, that is not."""
    job = queue.submit(small())
    with clock_moved(400 * DAY):
        job = wait_for_state(queue, job.id, "done", "failed", "interrupted")
        assert_all_is_well(queue, settings, good, job)


def test_memory_that_is_full_once_is_told_and_changes_nothing(queue: JobQueue, good: Job) -> None:
    job = ended(queue, small(f"full once at text: {PROMPT}"))
    assert job.result is not None and job.result["recoveries"][0]["stage"] == "text"
    assert job.progress["notes"] == job.result["warnings"]


def test_a_nan_lora_fails_its_job_by_name(queue: JobQueue, settings: Settings, good: Job) -> None:
    failed = ended(queue, small(selected_loras={LORA: 0.5, "nan": 1.0}))
    assert failed.state == "failed" and failed.error is not None
    assert failed.error["type"] == "LoRAFileError"
    assert "nan" in failed.error["message"] and "NaN" in failed.error["message"]
    assert_all_is_well(queue, settings, good, failed)


def test_a_strength_that_destroys_the_picture_is_no_success(
    queue: JobQueue, settings: Settings, good: Job
) -> None:
    """Strength 100 drives the numbers out of range: NaN, one colour, or a picture, as it may."""
    job = ended(queue, small(selected_loras={LORA: 100.0}))
    if job.state == "done":
        assert np.ptp(frames(job)) > 2, "whatever is called a success has something to see"
    else:
        assert job.error is not None and LORA in job.error["message"]
    assert_all_is_well(queue, settings, good, job)


def test_a_result_is_made_again_from_itself_by_a_fresh_process(
    settings: Settings, good: Job
) -> None:
    """This process stands for a script: it has not run anything before."""
    assert good.result is not None
    metadata = read_metadata(Path(good.result["video_path"]))
    task = GenerationTask.from_dict({**metadata["task"], "id": "again"})
    threads = torch.get_num_threads()
    torch.set_num_threads(metadata["environment"]["threads"])
    try:
        again = generate_video(task, models=ModelManager(settings), loras=LoRAManager(settings))
    finally:
        torch.set_num_threads(threads)
    with av.open(again.video_path) as container:
        made = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    assert np.array_equal(made, frames(good))
    assert read_metadata(Path(again.video_path))["model"] == metadata["model"]
