"""The time that a batch still takes, by a clock that the test moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tests.support.jobs.scripted_queue import task, wait_until
from wan_lora_studio.jobs.job import JobPart
from wan_lora_studio.jobs.queue import JobQueue, Part
from wan_lora_studio.jobs.supervisor.time_left import Pace
from wan_lora_studio.wan.task import GenerationTask

SMALL = GenerationTask(
    model_type="demo", prompt="a shape", width=32, height=32, num_frames=5, steps=4
)
LARGE = dataclasses.replace(SMALL, steps=8)


def part(task: GenerationTask) -> JobPart:
    return JobPart(task.id, "", {}, task)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]
    monkeypatch.setattr("wan_lora_studio.jobs.supervisor.time_left.time.monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def sampling(seconds_left: float | None) -> dict[str, object]:
    return {"stage": "sample", "seconds_left": seconds_left}


def test_nothing_is_said_before_anything_was_measured(clock: Callable[[float], None]) -> None:
    pace = Pace()
    pace.begin()
    assert pace.seconds_left(part(SMALL), [part(SMALL)], sampling(None)) is None


def test_the_first_video_tells_by_its_own_steps(clock: Callable[[float], None]) -> None:
    pace = Pace()
    pace.begin()
    clock(4.0)
    two_more = [part(SMALL), part(LARGE)]
    assert pace.seconds_left(part(SMALL), two_more, sampling(6.0)) == 6.0 + 10.0 * 3
    clock(6.0)
    assert pace.seconds_left(part(SMALL), two_more, {"stage": "decode"}) == 10.0 * 3


def test_videos_that_are_done_tell_best(clock: Callable[[float], None]) -> None:
    pace = Pace()
    pace.begin()
    clock(10.0)
    pace.end(part(SMALL))
    pace.begin()
    clock(5.0)
    assert pace.seconds_left(part(LARGE), [part(SMALL)], sampling(None)) == 15.0 + 10.0
    clock(30.0)  # longer than foreseen: what its own steps say is the least
    assert pace.seconds_left(part(LARGE), [part(SMALL)], sampling(2.0)) == 2.0 + 10.0


def test_a_video_that_failed_tells_nothing(clock: Callable[[float], None]) -> None:
    pace = Pace()
    pace.begin()
    clock(1.0)
    pace.begin()  # the next one; the one before did not get done
    clock(10.0)
    pace.end(part(SMALL))
    pace.begin()
    assert pace.seconds_left(part(SMALL), [], sampling(None)) == 10.0


def test_a_running_batch_tells_the_time_for_all_its_videos(queue: JobQueue) -> None:
    parts = [Part("first", {"prompt": "quick"}), Part("second", {"prompt": "slow"})]
    job = queue.submit(task(), parts=parts)

    def told() -> bool:
        found = queue.get(job.id)
        assert found is not None
        return found.progress.get("part") == 2

    wait_until(told, "the second video runs")
    running = queue.get(job.id)
    assert running is not None
    assert isinstance(running.progress["batch_seconds_left"], float)
    assert running.progress["batch_seconds_left"] >= 0
    queue.cancel(job.id)
