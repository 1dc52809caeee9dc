"""Jobs with parts: what they make, what they keep, and how they end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.support.jobs.scripted_queue import (
    begun_runs,
    part_states,
    prompts,
    running_part,
    task,
    wait_for_state,
    wait_until,
    worker_pids,
)
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings


def test_a_batch_makes_one_video_for_each_part(settings: Settings, queue: JobQueue) -> None:
    seeds = [Part(f"seed {seed}", {"seed": seed}) for seed in (5, 6, 7)]
    job = queue.submit(task("steps 2"), parts=seeds)
    assert part_states(job) == ["queued"] * 3
    done = wait_for_state(queue, job.id, "done", "failed")
    assert (done.state, part_states(done)) == ("done", ["done"] * 3)
    assert done.result is None
    assert [part.result and part.result["task"]["seed"] for part in done.parts] == [5, 6, 7]
    assert begun_runs(settings) == [part.id for part in done.parts]
    assert (done.progress["part"], done.progress["parts"]) == (3, 3)
    assert done.progress["label"] == "seed 7"
    plain = done.to_dict()["parts"][0]
    assert (plain["label"], plain["changes"], plain["state"]) == ("seed 5", {"seed": 5}, "done")
    assert queue.result(done.parts[1].id) == done.parts[1].result


def test_a_seed_left_open_is_the_same_for_all_parts(queue: JobQueue) -> None:
    steps = [Part(f"{count} steps", {"steps": count}) for count in (3, 4)]
    job = queue.submit(task("quick"), parts=[*steps, Part("another seed", {"seed": None})])
    first, second, other = [part.task.seed for part in job.parts]
    assert first == second == job.task.seed != other
    assert [part.task.steps for part in job.parts] == [3, 4, 20]


def test_a_list_of_prompts_needs_no_prompt_of_its_own(queue: JobQueue) -> None:
    job = queue.submit(task(""), parts=prompts("quick", "steps 1"))
    assert job.task.prompt == "quick"
    wait_for_state(queue, job.id, "done")


def test_every_problem_of_every_part_is_named(queue: JobQueue) -> None:
    with pytest.raises(GenerationError) as caught:
        queue.submit(
            task("quick"),
            parts=[Part("wide", {"width": 13}), Part("fine"), Part("", {"steps": 0})],
        )
    assert "wide: " in caught.value.message and "part 3: " in caught.value.message
    with pytest.raises(GenerationError, match=r"part 1.*colour, id"):
        queue.submit(task("quick"), parts=[Part("x", {"colour": 1, "id": "mine"})])
    assert queue.jobs() == []


def test_a_part_that_fails_leaves_the_others_alone(queue: JobQueue) -> None:
    job = queue.submit(task("quick"), parts=prompts("quick", "fail", "steps 1"))
    ended = wait_for_state(queue, job.id, "failed", "done")
    assert part_states(ended) == ["done", "failed", "done"]
    assert ended.error is not None
    assert "1 of 3" in ended.error["message"] and "picture was black" in ended.error["message"]
    assert "Use another seed." in ended.error["suggestions"]
    assert ended.parts[1].error is not None and ended.parts[1].result is None


def test_cancel_keeps_what_is_finished(settings: Settings, queue: JobQueue) -> None:
    job = queue.submit(task("quick"), parts=prompts("quick", "slow", "quick"))
    wait_until(running_part(queue, job.id, 2), "the second part")
    assert queue.cancel(job.id)
    ended = wait_for_state(queue, job.id, "cancelled")
    assert part_states(ended) == ["done", "cancelled", "cancelled"]
    assert ended.parts[0].result is not None
    assert begun_runs(settings) == [part.id for part in ended.parts[:2]]


def test_a_killed_worker_interrupts_the_part_and_keeps_the_others(
    settings: Settings, queue: JobQueue
) -> None:
    job = queue.submit(task("quick"), parts=prompts("quick", "slow", "quick"))
    after = queue.submit(task("quick"))
    wait_until(running_part(queue, job.id, 2), "the second part")
    os.kill(worker_pids()[0], signal.SIGKILL)
    ended = wait_for_state(queue, job.id, "interrupted")
    assert part_states(ended) == ["done", "interrupted", "queued"]
    wait_for_state(queue, after.id, "done")
    assert begun_runs(settings) == [*(part.id for part in ended.parts[:2]), after.id]


def test_closing_the_app_interrupts_the_part_that_runs(
    make_queue: Callable[..., JobQueue],
) -> None:
    first = make_queue()
    job = first.submit(task("quick"), parts=prompts("quick", "slow", "quick"))
    wait_until(running_part(first, job.id, 2), "the second part")
    first.close()
    ended = make_queue(start=False).get(job.id)
    assert ended is not None and ended.state == "interrupted"
    assert part_states(ended) == ["done", "interrupted", "queued"]
