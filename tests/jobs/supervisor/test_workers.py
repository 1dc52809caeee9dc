"""Several workers of one app, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.jobs.scripted_queue import (
    SCRIPTED,
    begun_runs,
    task,
    wait_for_state,
    wait_until,
    worker_pids,
)
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.jobs.supervisor.devices import gpu_count, worker_devices
from wan_lora_studio.settings import Settings


@pytest.fixture
def pair(settings: Settings) -> Iterator[JobQueue]:
    """A queue with two workers."""
    queue = JobQueue(settings.model_copy(update={"workers": 2}), runner=SCRIPTED)
    queue.start()
    yield queue
    queue.close()


@pytest.mark.parametrize(
    ("device", "workers", "gpus", "expected"),
    [
        ("auto", 0, 0, ["auto"]),
        ("auto", 0, 1, ["auto"]),
        ("auto", 0, 3, ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda", 0, 2, ["cuda:0", "cuda:1"]),
        ("auto", 1, 3, ["cuda:0"]),
        ("auto", 3, 2, ["cuda:0", "cuda:1", "cuda:0"]),
        ("cuda:1", 0, 3, ["cuda:1"]),
        ("cpu", 0, 3, ["cpu"]),
        ("cpu", 2, 0, ["cpu", "cpu"]),
    ],
)
def test_one_worker_for_each_gpu(
    settings: Settings, device: str, workers: int, gpus: int, expected: list[str]
) -> None:
    chosen = settings.model_copy(update={"device": device, "workers": workers})
    assert worker_devices(chosen, gpus) == expected


@pytest.mark.parametrize("visible", ["", "-1"])
def test_gpus_that_are_hidden_are_not_counted(visible: str) -> None:
    assert gpu_count({"CUDA_VISIBLE_DEVICES": visible}) == 0


def test_two_workers_run_two_jobs_at_once(settings: Settings, pair: JobQueue) -> None:
    slow = [pair.submit(task("slow")).id for _ in range(2)]
    waiting = pair.submit(task("quick")).id
    for job_id in slow:
        wait_until(lambda job_id=job_id: pair.preview(job_id), "a picture of each")
    status = pair.status()
    assert {entry["id"] for entry in status["running"]} == set(slow)
    assert [worker["state"] for worker in status["workers"]] == ["busy", "busy"]
    assert [entry["id"] for entry in status["queue"]] == [waiting]
    assert len(worker_pids()) == 2
    pair.cancel(slow[1])
    wait_for_state(pair, waiting, "done")
    assert wait_for_state(pair, slow[0], "running").progress["stage"] == "sample"
    pair.cancel(slow[0])
    wait_for_state(pair, slow[0], "cancelled")
    assert sorted(begun_runs(settings)) == sorted([*slow, waiting])


def test_each_job_runs_once_whichever_worker_is_idle(settings: Settings, pair: JobQueue) -> None:
    ids = [pair.submit(task("steps 5")).id for _ in range(20)]
    for job_id in ids:
        wait_for_state(pair, job_id, "done")
    assert sorted(begun_runs(settings)) == sorted(ids)

    def made() -> int:
        return sum(tally.videos.get("done", 0) for tally in pair.tallies())

    wait_until(lambda: made() == 20, "all of them counted")
    assert pair.counts() == {"done": 20}
