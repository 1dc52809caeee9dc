"""What people do to jobs that wait or have ended."""

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
from wan_lora_studio.jobs.job import Part, waiting_progress
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings


@pytest.fixture
def idle(make_queue: Callable[..., JobQueue]) -> JobQueue:
    """A queue whose worker has not been started."""
    return make_queue(start=False)


def waiting(queue: JobQueue) -> list[str]:
    return [entry["id"] for entry in queue.status()["queue"]]


def open_gate(settings: Settings) -> None:
    """Let runs of `gate` end."""
    (settings.outputs_dir / "open").touch()


def submit(queue: JobQueue, count: int, **options: int) -> list[str]:
    return [queue.submit(task(f"steps {number}"), **options).id for number in range(count)]


def test_a_waiting_job_is_moved(idle: JobQueue) -> None:
    a, b, c, d = submit(idle, 4)
    assert idle.move(d, 1).position == 1
    assert waiting(idle) == [d, a, b, c]
    idle.move(d, 3)
    assert waiting(idle) == [a, b, d, c]
    assert idle.move(a, 99).position == 4
    assert waiting(idle) == [b, d, c, a]
    late = idle.submit(task("quick"))
    assert late.position == 5


def test_a_higher_priority_goes_first_and_a_move_takes_the_priority_there(idle: JobQueue) -> None:
    low = submit(idle, 2)
    high = submit(idle, 2, priority=5)
    assert waiting(idle) == [*high, *low]
    moved = idle.move(low[1], 1)
    assert (moved.position, moved.priority) == (1, 5)
    assert idle.move(high[0], 4).priority == 0
    assert waiting(idle) == [low[1], high[1], low[0], high[0]]
    assert idle.submit(task("quick"), priority=1).position == 3


def test_a_waiting_job_is_edited_in_its_place(idle: JobQueue) -> None:
    first, second = submit(idle, 2)
    before = idle.get(first)
    edited = idle.edit(first, {"prompt": "steps 9", "steps": 7})
    assert (edited.position, edited.task.prompt, edited.task.steps) == (1, "steps 9", 7)
    assert before is not None and edited.task.seed == before.task.seed
    assert waiting(idle) == [first, second]
    with pytest.raises(GenerationError, match="width"):
        idle.edit(first, {"width": 13})
    with pytest.raises(GenerationError, match="colour"):
        idle.edit(first, {"colour": "red"})
    assert idle.get(first) == edited
    batch = idle.edit(first, {}, parts=prompts("quick", "steps 1"), priority=3)
    assert [part.task.prompt for part in batch.parts] == ["quick", "steps 1"]
    again = idle.edit(first, {"steps": 5})
    assert [part.task.steps for part in again.parts] == [5, 5], "its parts stay"
    assert idle.edit(first, {}, parts=()).parts == ()


def test_a_batch_that_has_begun_is_edited_in_what_still_waits(
    settings: Settings, queue: JobQueue
) -> None:
    job = queue.submit(task("quick"), parts=prompts("quick", "fail", "gate", "steps 3"))
    wait_until(running_part(queue, job.id, 3), "the third part")
    queue.pause()
    open_gate(settings)
    held = wait_for_state(queue, job.id, "queued")
    edited = queue.edit(job.id, {"steps": 7}, priority=5)
    assert part_states(edited) == ["done", "failed", "done", "queued"]
    assert (edited.priority, edited.task.steps, edited.started) == (5, 7, held.started)
    assert edited.parts[:3] == held.parts[:3], "what was made stays with the job"
    assert (edited.parts[3].id, edited.parts[3].task.steps) == (held.parts[3].id, 7)
    with pytest.raises(GenerationError, match="made already") as caught:
        queue.edit(job.id, {}, parts=prompts("quick"))
    assert caught.value.context["status"] == 409
    assert queue.get(job.id) == edited
    queue.resume()
    ended = wait_for_state(queue, job.id, "failed")
    assert part_states(ended) == ["done", "failed", "done", "done"]
    assert begun_runs(settings) == [part.id for part in held.parts], "each was made once"


def test_what_runs_or_has_ended_is_not_edited_moved_or_deleted(queue: JobQueue) -> None:
    job = queue.submit(task("slow"))
    wait_until(lambda: queue.preview(job.id), "a picture")
    for change in (
        lambda: queue.edit(job.id, {"steps": 3}),
        lambda: queue.move(job.id, 1),
        lambda: queue.delete(job.id),
        lambda: queue.retry(job.id),
    ):
        with pytest.raises(GenerationError, match="it is running") as caught:
            change()
        assert caught.value.context["status"] == 409
    with pytest.raises(GenerationError) as unknown:
        queue.retry("unknown")
    assert unknown.value.context["status"] == 404
    queue.cancel(job.id)
    wait_for_state(queue, job.id, "cancelled")


def test_a_duplicate_is_the_same_video_again(queue: JobQueue) -> None:
    seeds = [Part("one", {"seed": 1}), Part("any", {"seed": None})]
    first = queue.submit(task("quick"), parts=seeds, priority=2)
    copy = queue.duplicate(first.id)
    assert copy.id != first.id and copy.priority == 2
    assert [part.task.seed for part in copy.parts] == [part.task.seed for part in first.parts]
    assert not {part.id for part in copy.parts} & {part.id for part in first.parts}
    plain = queue.submit(task("quick"))
    assert queue.duplicate(plain.id).task.seed == plain.task.seed
    assert queue.duplicate(plain.id, new_seed=True).task.seed != plain.task.seed


def test_a_failed_job_is_run_again_under_its_id(settings: Settings, queue: JobQueue) -> None:
    job = queue.submit(task("slow"))
    wait_until(lambda: queue.preview(job.id), "a picture")
    os.kill(worker_pids()[0], signal.SIGKILL)
    ended = wait_for_state(queue, job.id, "interrupted")
    assert ended.progress["preview_version"] > 0
    again = queue.retry(job.id)
    assert again.progress == waiting_progress(), "no picture of the first run is asked for"
    assert (again.state, again.error, again.task) == ("queued", None, job.task)
    wait_until(lambda: len(begun_runs(settings)) == 2, "the second run")
    queue.cancel(job.id)
    wait_for_state(queue, job.id, "cancelled")
    queue.retry(job.id)
    wait_until(lambda: len(begun_runs(settings)) == 3, "the third run, not cancelled at once")
    queue.cancel(job.id)
    wait_for_state(queue, job.id, "cancelled")
    assert begun_runs(settings) == [job.id] * 3


def test_a_batch_is_run_again_for_what_is_not_done(settings: Settings, queue: JobQueue) -> None:
    job = queue.submit(task("quick"), parts=prompts("quick", "slow", "steps 1"))
    wait_until(running_part(queue, job.id, 2), "the second part")
    os.kill(worker_pids()[0], signal.SIGKILL)
    ended = wait_for_state(queue, job.id, "interrupted")
    assert part_states(queue.retry(job.id)) == ["done", "queued", "queued"]
    wait_until(lambda: len(begun_runs(settings)) == 3, "the second part again")
    queue.cancel(job.id)
    ended = wait_for_state(queue, job.id, "cancelled")
    assert part_states(ended) == ["done", "cancelled", "cancelled"]
    first, second, _ = (part.id for part in ended.parts)
    assert begun_runs(settings) == [first, second, second]
    assert ended.parts[0].result is not None


def test_finished_jobs_are_cleared_and_others_stay(queue: JobQueue) -> None:
    done, failed = queue.submit(task("quick")).id, queue.submit(task("fail")).id
    wait_for_state(queue, failed, "failed")
    slow = queue.submit(task("slow")).id
    wait_until(lambda: queue.preview(slow), "a picture")
    last = queue.submit(task("quick")).id
    assert queue.clear(["failed"]) == 1
    assert queue.get(failed) is None
    assert queue.clear() == 1
    assert queue.get(done) is None
    assert queue.clear(["queued", "running"]) == 1
    assert [job.id for job in queue.jobs()] == [slow] and queue.get(last) is None
    queue.cancel(slow)
    wait_for_state(queue, slow, "cancelled")
    queue.delete(slow)
    assert queue.jobs() == []


def test_a_paused_queue_begins_nothing_also_after_a_restart(
    settings: Settings, make_queue: Callable[..., JobQueue]
) -> None:
    first = make_queue()
    wait_until(lambda: first.status()["worker"]["state"] == "ready", "a ready worker")
    first.pause()
    job = first.submit(task("quick"))
    first.close()
    second = make_queue()
    assert second.status()["paused"]
    wait_until(lambda: second.status()["worker"]["model"] == "demo", "the default model")
    assert begun_runs(settings) == []
    second.resume()
    wait_for_state(second, job.id, "done")
    assert not second.status()["paused"]


def test_a_batch_waits_between_its_parts(settings: Settings, queue: JobQueue) -> None:
    batch = queue.submit(task("quick"), parts=prompts("gate", "quick", "quick"))
    wait_until(running_part(queue, batch.id, 1), "the first part")
    queue.pause()
    other = queue.submit(task("quick"))
    open_gate(settings)
    held = wait_for_state(queue, batch.id, "queued")
    assert part_states(held) == ["done", "queued", "queued"]
    assert held.position == 1 and held.started is not None
    urgent = queue.submit(task("quick"), priority=1)
    queue.resume()
    for job_id in (batch.id, other.id):
        wait_for_state(queue, job_id, "done")
    parts = [part.id for part in held.parts]
    assert begun_runs(settings) == [parts[0], urgent.id, *parts[1:], other.id]


def test_an_urgent_job_goes_between_the_parts_of_a_batch(
    settings: Settings, queue: JobQueue
) -> None:
    batch = queue.submit(task("quick"), parts=prompts("gate", "quick"))
    wait_until(running_part(queue, batch.id, 1), "the first part")
    urgent = queue.submit(task("quick"), priority=1)
    open_gate(settings)
    done = wait_for_state(queue, batch.id, "done")
    first, second = (part.id for part in done.parts)
    assert begun_runs(settings) == [first, urgent.id, second]
