"""A queue whose worker runs scripts, on a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.jobs.scripted_queue import DEADLINE_SECONDS, SCRIPTED
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings, load_settings


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
