"""The time to a run's end, over all its stages, by a clock that the test moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.jobs.scripted_queue import task, wait_for_state, wait_until
from wan_lora_studio.jobs.job import Job
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.jobs.supervisor.run_clock import RunClock
from wan_lora_studio.jobs.supervisor.stage_times import StageTimes
from wan_lora_studio.wan.task import GenerationTask

SMALL = GenerationTask(
    model_type="demo",
    prompt="a shape",
    width=32,
    height=32,
    num_frames=5,
    steps=4,
    guidance_scale=1.0,
    selected_loras={"one": 1.0},
)
TOOK = {"load": 8.0, "apply": 2.0, "text": 1.0, "sample": 40.0, "decode": 20.0, "write": 3.0}

Forward = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Forward:
    now = [1000.0]
    monkeypatch.setattr("wan_lora_studio.jobs.supervisor.run_clock.time.monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def step(number: int, expert: str = "high", **more: Any) -> dict[str, Any]:
    return {"stage": "sample", "step": number, "steps": 4, "expert": expert, **more}


def test_the_next_run_is_expected_to_take_what_the_last_ones_took() -> None:
    times = StageTimes()
    assert times.expected(SMALL, loaded=True) == {}
    times.note(SMALL, TOOK)
    assert times.expected(SMALL, loaded=False) == TOOK
    assert times.expected(SMALL, loaded=True)["load"] == 0.0
    two = dataclasses.replace(SMALL, steps=8, width=64, selected_loras={"one": 1.0, "two": 1.0})
    larger = times.expected(two, loaded=True)
    assert larger["sample"] == 4 * TOOK["sample"]
    assert larger["decode"] == 2 * TOOK["decode"]
    assert larger["apply"] == 2 * TOOK["apply"]
    assert times.expected(dataclasses.replace(SMALL, selected_loras={}), loaded=True)["apply"] == 0
    assert times.expected(dataclasses.replace(SMALL, model_type="other"), loaded=True) == {}
    guided = dataclasses.replace(SMALL, guidance_scale=4.0)
    assert times.expected(guided, loaded=True)["sample"] == 2 * TOOK["sample"]
    half = dataclasses.replace(guided, guidance_scale_2=1.0)
    assert times.expected(half, loaded=True)["sample"] == 1.5 * TOOK["sample"]
    times.note_load("demo", 5.0)
    assert times.expected(SMALL, loaded=False)["load"] == 5.0


def test_what_was_made_before_the_start_counts_too() -> None:
    done = Job("1", "done", SMALL, 0.0, result={"timings": TOOK})
    asked = []

    def past() -> list[Job]:
        asked.append(1)
        return [done]

    times = StageTimes(past)
    assert times.expected(SMALL, loaded=False) == TOOK
    times.expected(SMALL, loaded=True)
    assert len(asked) == 1


def test_the_time_left_is_to_the_end_of_the_video(clock: Forward) -> None:
    run = RunClock(SMALL, TOOK)
    run.begin()
    assert run.told() == {"run_seconds_left": 74.0, "share": 0.0}
    clock(8.0)
    run.take({"stage": "apply"})
    assert run.told()["run_seconds_left"] == 66.0
    clock(3.0)
    run.take({"stage": "sample", "step": 0, "steps": 4})
    for number in (1, 2, 3, 4):
        clock(5.0)  # faster than before, and these steps are what counts
        run.take(step(number))
        assert run.told()["run_seconds_left"] == 5.0 * (4 - number) + 23.0
    run.take({"stage": "decode"})
    clock(10.0)
    assert run.told()["run_seconds_left"] == 13.0
    clock(30.0)  # longer than expected: what remains is never nothing
    told = run.told()
    assert told["run_seconds_left"] == 4.0 + 3.0
    run.take({"stage": "write"})
    assert run.told()["run_seconds_left"] == 3.0


def test_the_share_of_a_run_only_grows_and_leaves_room_for_decoding(clock: Forward) -> None:
    for expected in (TOOK, {}):
        run = RunClock(SMALL, expected)
        shares = []
        for progress in (
            {"stage": "load"},
            {"stage": "apply"},
            {"stage": "text"},
            {"stage": "sample", "steps": 4},
            *(step(number) for number in (1, 2, 3, 4)),
            {"stage": "decode"},
            {"stage": "write"},
        ):
            run.take(progress)
            shares.append(run.told()["share"])
            clock(4.0)
        assert shares == sorted(shares)
        assert shares[7] < 0.8  # the last step is made
        assert 0.6 < shares[-1] < 1.0


def test_nothing_is_said_in_seconds_before_a_model_has_made_a_video(clock: Forward) -> None:
    run = RunClock(SMALL, {})
    run.take({"stage": "sample", "steps": 4})
    clock(4.0)
    run.take(step(1))
    assert run.told()["run_seconds_left"] is None


def test_steps_of_each_expert_count_by_their_own_time(clock: Forward) -> None:
    guided = dataclasses.replace(SMALL, guidance_scale=4.0, guidance_scale_2=1.0)
    run = RunClock(guided, TOOK)
    run.take({"stage": "sample", "steps": 4})
    clock(10.0)
    run.take(step(1, high_steps=2))
    after = TOOK["decode"] + TOOK["write"]
    # One more with guidance, and two without it, which ask the model half as often.
    assert run.told()["run_seconds_left"] == 10.0 + 5.0 * 2 + after
    clock(4.0)
    assert run.told()["run_seconds_left"] == 6.0 + 5.0 * 2 + after
    clock(6.0)
    run.take(step(2, high_steps=2))
    clock(7.0)
    run.take(step(3, "low", high_steps=2))
    assert run.told()["run_seconds_left"] == 7.0 + after


def test_a_stage_that_is_done_again_begins_anew(clock: Forward) -> None:
    run = RunClock(SMALL, {})
    run.take({"stage": "decode"})
    before = run.told()["share"]
    run.take({"stage": "sample", "steps": 4})
    assert (run.told()["share"] or 0) < (before or 0)


def test_a_queue_tells_it_of_the_run_that_goes_on(queue: JobQueue) -> None:
    first = queue.submit(task("steps 2"))
    wait_for_state(queue, first.id, "done")
    job = queue.submit(task("slow"))

    def told() -> bool:
        found = queue.get(job.id)
        return found is not None and found.progress.get("run_seconds_left") is not None

    wait_until(told, "the time left")
    queue.cancel(job.id)
    wait_for_state(queue, job.id, "cancelled")


def test_the_time_left_goes_on_while_the_worker_says_nothing(queue: JobQueue) -> None:
    job = queue.submit(task("slow"))

    def share() -> float:
        found = queue.get(job.id)
        return 0.0 if found is None else found.progress.get("share") or 0.0

    wait_until(share, "the run's share")
    first = queue.submit(task("steps 2"))
    queue.cancel(job.id)
    wait_for_state(queue, first.id, "done")
    second = queue.submit(task("slow"))
    seen: set[float] = set()

    def counts() -> bool:
        found = queue.get(second.id)
        if found is not None and found.progress.get("run_seconds_left") is not None:
            seen.add(found.progress["share"])
        return len(seen) > 1

    wait_until(counts, "another share")
    queue.cancel(second.id)
