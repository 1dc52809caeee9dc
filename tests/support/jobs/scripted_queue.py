"""A queue whose worker runs scripts: tasks for it, waiting for it, and what it ran."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

from wan_lora_studio.jobs.job import Job, Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.task import GenerationTask

SCRIPTED = "tests.support.jobs.scripted_runner:ScriptedRunner"
DEADLINE_SECONDS = 120.0  # for a machine that is busy with other work
POLL_SECONDS = 0.02


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


def worker_pids() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid]


def prompts(*texts: str) -> list[Part]:
    return [Part(text, {"prompt": text}) for text in texts]


def part_states(job: Job) -> list[str]:
    return [part.state for part in job.parts]


def running_part(queue: JobQueue, job_id: str, number: int) -> Callable[[], bool]:
    def found() -> bool:
        job = queue.get(job_id)
        return job is not None and job.progress.get("part") == number

    return found
