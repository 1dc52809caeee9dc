"""A queue whose worker runs scripts, on a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wan_lora_studio.jobs.job import Job
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.task import GenerationTask

SCRIPTED = "tests.support.jobs.scripted_runner:ScriptedRunner"
DEADLINE_SECONDS = 120.0  # for a machine that is busy with other work
POLL_SECONDS = 0.02


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        loras_dir=tmp_path / "loras",
        outputs_dir=tmp_path / "outputs",
        models_dir=tmp_path / "models",
        data_dir=tmp_path / "data",
        cancel_grace_seconds=DEADLINE_SECONDS,  # no worker is replaced only for being slow
    )


@pytest.fixture
def make_queue(settings: Settings) -> Iterator[Callable[..., JobQueue]]:
    made: list[JobQueue] = []

    def make(runner: str = SCRIPTED, *, start: bool = True) -> JobQueue:
        made.append(JobQueue(settings, runner=runner))
        if start:
            made[-1].start()
        return made[-1]

    yield make
    for queue in made:
        queue.close()


@pytest.fixture
def queue(make_queue: Callable[..., JobQueue]) -> JobQueue:
    return make_queue()


def task(prompt: str = "quick", **fields: Any) -> GenerationTask:
    return GenerationTask(model_type=fields.pop("model_type", "demo"), prompt=prompt, **fields)


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """The first truthy value of `condition`; fails after a deadline, saying what never came."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(POLL_SECONDS)
    return found


def wait_for_state(queue: JobQueue, job_id: str, *states: str) -> Job:
    def found() -> Job | None:
        job = queue.get(job_id)
        return job if job is not None and job.state in states else None

    result: Job = wait_until(found, f"{job_id} in state {' or '.join(states)}")
    return result


def begun_runs(settings: Settings) -> list[str]:
    """The ids of all runs that any worker began, in order."""
    path = settings.outputs_dir / "runs.txt"
    return path.read_text().split() if path.exists() else []
