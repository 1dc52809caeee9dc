"""What happens to jobs when workers, apps or people end them. Real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.support.jobs.scripted_queue import (
    SCRIPTED,
    begun_runs,
    task,
    wait_for_state,
    wait_until,
    worker_pids,
)
from tests.support.paths import ROOT
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.logs import log_file, start_logging, stop_logging
from wan_lora_studio.settings import Settings

BROKEN = "tests.support.jobs.scripted_runner:BrokenRunner"
APP = """
import sys, time
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import load_settings
from tests.support.jobs.scripted_queue import SCRIPTED, task
if __name__ == "__main__":
    folder = sys.argv[1]
    queue = JobQueue(
        load_settings(data_dir=folder + "/data", outputs_dir=folder + "/outputs"), runner=SCRIPTED
    )
    queue.start()
    print(queue.submit(task("slow")).id, queue.submit(task("quick")).id, flush=True)
    time.sleep(600)
"""


def begun(queue: JobQueue, prompt: str) -> str:
    """Submit a job and wait until it shows a picture."""
    job = queue.submit(task(prompt))
    wait_until(lambda: queue.preview(job.id), f"a picture of {prompt!r}")
    return job.id


@pytest.fixture
def impatient(settings: Settings) -> Iterator[JobQueue]:
    """A queue that does not wait long for a worker that is to cancel its job."""
    queue = JobQueue(settings.model_copy(update={"cancel_grace_seconds": 0.5}), runner=SCRIPTED)
    queue.start()
    yield queue
    queue.close()


def test_a_queued_job_is_cancelled_and_never_begins(settings: Settings, queue: JobQueue) -> None:
    slow = begun(queue, "slow")
    waiting, last = queue.submit(task("quick")), queue.submit(task("quick"))
    assert queue.cancel(waiting.id)
    assert wait_for_state(queue, waiting.id, "cancelled").started is None
    assert queue.cancel(slow)
    wait_for_state(queue, last.id, "done")
    assert begun_runs(settings) == [slow, last.id]


def test_a_running_job_is_cancelled_and_its_worker_stays(queue: JobQueue) -> None:
    slow = begun(queue, "slow")
    pids = worker_pids()
    assert queue.cancel(slow)
    cancelled = wait_for_state(queue, slow, "cancelled")
    assert cancelled.error is None and cancelled.finished is not None
    assert not queue.cancel(slow), "it has ended"
    assert not queue.cancel("no such job")
    wait_for_state(queue, queue.submit(task("quick")).id, "done")
    assert worker_pids() == pids


def test_a_worker_deaf_to_cancel_is_replaced_after_the_grace_time(
    settings: Settings, impatient: JobQueue
) -> None:
    deaf = begun(impatient, "hang")
    pids = worker_pids()
    impatient.cancel(deaf)
    said = wait_until(lambda: impatient.status()["worker"]["detail"], "why the worker is restarted")
    assert "did not stop" in said and "memory" not in said
    wait_for_state(impatient, deaf, "cancelled")
    after = impatient.submit(task("quick"))
    wait_for_state(impatient, after.id, "done")
    assert not set(worker_pids()) & set(pids)
    assert begun_runs(settings) == [deaf, after.id]


def test_a_stopped_process_is_replaced_too(impatient: JobQueue) -> None:
    """SIGSTOP: the process neither answers nor ends, wherever it is."""
    slow = begun(impatient, "slow")
    os.kill(worker_pids()[0], signal.SIGSTOP)
    impatient.cancel(slow)
    wait_for_state(impatient, slow, "cancelled")
    wait_for_state(impatient, impatient.submit(task("quick")).id, "done")


def test_a_killed_worker_interrupts_its_job_and_the_queue_goes_on(
    settings: Settings, queue: JobQueue
) -> None:
    killed = begun(queue, "slow")
    waiting = queue.submit(task("quick"))
    os.kill(worker_pids()[0], signal.SIGKILL)
    job = wait_for_state(queue, killed, "interrupted")
    assert job.error is not None and "SIGKILL" in job.error["message"]
    assert job.error["suggestions"]
    wait_for_state(queue, waiting.id, "done")
    assert begun_runs(settings) == [killed, waiting.id]


def test_jobs_that_kill_their_worker_do_not_hold_up_the_others(
    settings: Settings, queue: JobQueue
) -> None:
    jobs = [queue.submit(task(prompt)) for prompt in ("crash", "crash", "quick")]
    wait_for_state(queue, jobs[2].id, "done")
    states = [job.state for job in reversed(queue.jobs())]
    assert states == ["interrupted", "interrupted", "done"]
    assert begun_runs(settings) == [job.id for job in jobs]


def test_a_model_that_kills_the_worker_is_not_loaded_again(queue: JobQueue) -> None:
    wait_until(lambda: queue.status()["worker"]["model"] == "demo", "the default model")
    queue.load_model("ti2v-5B")
    wait_until(lambda: queue.status()["worker"]["model"] is None, "the death")
    wait_until(lambda: queue.status()["worker"]["state"] == "ready", "the next worker")
    wait_for_state(queue, queue.submit(task("quick")).id, "done")


def test_a_worker_that_cannot_start_says_why_and_keeps_the_jobs(
    make_queue: Callable[..., JobQueue],
) -> None:
    queue = make_queue(BROKEN)
    job = queue.submit(task("quick"))
    wait_until(lambda: queue.status()["worker"]["state"] == "failed", "the verdict")
    assert "ImportError: no module named torch" in queue.status()["worker"]["detail"]
    waiting = queue.get(job.id)
    assert waiting is not None and waiting.state == "queued"


def test_closing_the_app_interrupts_the_job_and_keeps_the_queue(
    settings: Settings, make_queue: Callable[..., JobQueue]
) -> None:
    first = make_queue()
    running, waiting = begun(first, "slow"), first.submit(task("quick"))
    first.close()
    second = make_queue(start=False)
    job = second.get(running)
    assert job is not None and job.state == "interrupted"
    assert job.error is not None and "closed" in job.error["message"]
    second.start()
    wait_for_state(second, waiting.id, "done")
    assert begun_runs(settings) == [running, waiting.id]


def test_a_killed_app_loses_nothing(
    settings: Settings, make_queue: Callable[..., JobQueue], tmp_path: Path
) -> None:
    script = tmp_path / "app_script.py"
    script.write_text(APP)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, script, tmp_path], stdout=subprocess.PIPE, text=True, env=environment
    ) as app:
        assert app.stdout is not None
        running, waiting = app.stdout.readline().split()
        wait_until(lambda: begun_runs(settings), "the first run")
        children = psutil.Process(app.pid).children()

        witness = make_queue()  # a second instance, beside the living one
        job = wait_for_state(witness, running, "running")
        other = witness.submit(task("quick"))
        wait_for_state(witness, other.id, "done")
        assert wait_for_state(witness, running, "running").started == job.started

        app.send_signal(signal.SIGKILL)
    interrupted = wait_for_state(witness, running, "interrupted")
    assert interrupted.error is not None and interrupted.error["suggestions"]
    wait_for_state(witness, waiting, "done")
    wait_until(lambda: not any(child.is_running() for child in children), "the orphans' end")
    assert sorted(begun_runs(settings)) == sorted([running, waiting, other.id])


def test_an_app_cancels_what_another_runs(make_queue: Callable[..., JobQueue]) -> None:
    runs = make_queue()
    running = begun(runs, "slow")
    other = make_queue(start=False)
    assert other.cancel(running)
    wait_for_state(runs, running, "cancelled")


def test_two_apps_on_one_folder_run_each_job_once(
    settings: Settings, make_queue: Callable[..., JobQueue]
) -> None:
    queues = [make_queue(), make_queue()]
    ids = [queues[index % 2].submit(task("steps 20")).id for index in range(30)]
    for job_id in ids:
        wait_for_state(queues[0], job_id, "done")
    assert sorted(begun_runs(settings)) == sorted(ids)


def test_the_apps_log_tells_of_each_job_by_its_id(settings: Settings, queue: JobQueue) -> None:
    start_logging(settings, "app", "error")
    try:
        for prompt, state in (("steps 2", "done"), ("crash", "interrupted")):
            job_id = queue.submit(task(prompt)).id
            wait_for_state(queue, job_id, state)
    finally:
        stop_logging()
    told = [line for line in log_file(settings, "app").read_text().splitlines() if job_id in line]
    assert [line.rsplit(": ", 1)[1] for line in told[:2]] == ["queued", "begun"]
    assert any("Worker ended" in line for line in told[2:])


def test_a_row_that_cannot_be_read_costs_one_job_and_no_thread(
    settings: Settings, queue: JobQueue
) -> None:
    running = begun(queue, "slow")
    waiting, batch = (
        queue.submit(task("quick")),
        queue.submit(task("quick"), parts=[Part("a", {"seed": 1})]),
    )
    with closing(sqlite3.connect(settings.data_dir / "jobs.sqlite")) as other, other:
        for row in (running, waiting.id):
            other.execute("UPDATE jobs SET task='{', progress='[', pins='7' WHERE id=?", (row,))
        other.execute("UPDATE parts SET task='[1]', changes='{'")
    assert {job.id for job in queue.jobs()} == {running, waiting.id, batch.id}
    assert "cannot be read" in queue.status()["job"]["task"]["prompt"]
    for pid in worker_pids():
        os.kill(pid, signal.SIGKILL)
    wait_for_state(queue, running, "interrupted")
    later = queue.submit(task("quick"))
    assert wait_for_state(queue, later.id, "done")
    assert wait_for_state(queue, waiting.id, "failed", "done")
    assert wait_for_state(queue, batch.id, "failed", "done")
    assert queue.health() and not queue.status()["problems"]


WRONG_CELLS = (
    "created='soon'", "created=9e999", "started='then'", "finished=x'00'", "state='lost'",
    "state=x'00'", "task=5", "task=x'ff00'", "task='{\"model_type\": 1, \"prompt\": []}'",
    "progress=x'ff'", "progress='{\"step\": NaN}'", "result=7", "error='{\"message\": 1e999}'",
    "priority='high'", "place=x'00'", "pins=x'ff'", "id=x'00'",
)  # fmt: skip


def test_a_cell_of_another_type_costs_its_row_alone(
    settings: Settings, make_queue: Callable[..., JobQueue], caplog: pytest.LogCaptureFixture
) -> None:
    queue = make_queue(start=False)
    ids = [queue.submit(task("quick")).id for _ in WRONG_CELLS]
    batch = queue.submit(task("quick"), parts=[Part(name, {}) for name in "abcd"])
    good = queue.submit(task("quick"))
    with closing(sqlite3.connect(settings.data_dir / "jobs.sqlite")) as other, other:
        for job_id, wrong in zip(ids, WRONG_CELLS, strict=True):
            other.execute(f"UPDATE jobs SET {wrong} WHERE id=?", (job_id,))
        for number, wrong in enumerate(("state=1.5", "label=x'00'", "started='x'", "id=x'01'"), 1):
            other.execute(f"UPDATE parts SET {wrong} WHERE number=?", (number,))
    for _ in range(3):
        listed = queue.jobs(100)
        json.dumps([queue.status(), *(job.to_dict() for job in listed)], allow_nan=False).encode()
        json.dumps([job.summary() for job in listed], allow_nan=False).encode()
    assert {job.id for job in listed} == {*ids[:-1], batch.id, good.id}
    lost = [job for job in listed if job.id in ids[4:6]]
    assert [job.state for job in lost] == ["failed", "failed"]
    assert all("cannot be read" in job.summary()["error"] for job in lost)
    told = [each for each in caplog.messages if "did not write" in each and "Run " in each]
    assert len(told) == len(set(told)) >= len(WRONG_CELLS) - 3
    assert queue.move(good.id, 1).position == 1
    queue.start()
    assert wait_for_state(queue, good.id, "done")
    for job_id in (*ids[:4], *ids[6:-1], batch.id):
        assert wait_for_state(queue, job_id, "failed", "done")
    assert queue.health() and not queue.status()["problems"]
    queue.clear()
    assert not [job.id for job in queue.jobs(100) if job.id == good.id]


def test_what_a_report_raises_ends_its_run_and_not_the_thread(
    settings: Settings, queue: JobQueue
) -> None:
    """The tables are those of another program by now: nothing that is done there is as meant."""
    begun(queue, "gate")
    path = settings.data_dir / "jobs.sqlite"
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("ALTER TABLE jobs RENAME COLUMN state TO condition")
    (settings.outputs_dir / "open").touch()
    told = wait_until(queue.problems, "the words")
    assert "state" in " ".join(told)
    assert not queue.health()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("ALTER TABLE jobs RENAME COLUMN condition TO state")
    wait_until(queue.health, "health again")
    assert wait_for_state(queue, queue.submit(task("quick")).id, "done")
    assert queue.status()["problems"] == []
