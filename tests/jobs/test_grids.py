"""Jobs that are grids: what is kept of them, and what becomes of it when they are changed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs.scripted_queue import (
    begun_runs,
    part_states,
    running_part,
    task,
    wait_for_state,
    wait_until,
    worker_pids,
)
from tests.support.loras.files import write_lora
from tests.support.paths import ROOT
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.grid import Grid
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings

LATER = ("preview_of", "preview_note")  # columns of the parts that came after grids
SEEDS_BY_STEPS = Grid.read(
    {"x": {"of": "seed", "values": [1, 2, 3]}, "y": {"of": "steps", "values": [2, 4]}}
)


def test_a_grid_becomes_one_job_with_a_part_for_each_cell(queue: JobQueue) -> None:
    job = queue.submit(task("quick"), grid=SEEDS_BY_STEPS)
    plain = wait_for_state(queue, job.id, "done").to_dict()
    assert [part["cell"] for part in plain["parts"]] == [
        [0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1],
    ]  # fmt: skip
    assert [part["result"]["task"]["seed"] for part in plain["parts"]] == [1, 2, 3, 1, 2, 3]
    assert [part["result"]["task"]["steps"] for part in plain["parts"]] == [2, 2, 2, 4, 4, 4]
    assert plain["grid"] == {
        "x": {"of": "seed", "lora": None, "title": "Seed", "labels": ["1", "2", "3"],
              "values": [1, 2, 3]},
        "y": {"of": "steps", "lora": None, "title": "Steps", "labels": ["2", "4"],
              "values": [2, 4]},
    }  # fmt: skip
    assert plain["parts"][5]["label"] == "seed 3, 4 steps"
    assert job.summary()["grid"] == plain["grid"]


def test_a_batch_is_no_grid(queue: JobQueue) -> None:
    plain = queue.submit(task("quick"), parts=[Part("a", {"seed": 1})]).to_dict()
    assert plain["grid"] is None
    assert plain["parts"][0]["cell"] is None


def test_what_is_wrong_with_a_grid_keeps_it_out_of_the_queue(queue: JobQueue) -> None:
    same = Grid.read({"x": {"of": "seed", "values": [1]}, "y": {"of": "seed", "values": [2]}})
    with pytest.raises(GenerationError, match="Both axes change the seed"):
        queue.submit(task("quick"), grid=same)
    wrong = Grid.read({"x": {"of": "steps", "values": [0, 3]}})
    with pytest.raises(GenerationError, match=r"0 steps: .*steps must be"):
        queue.submit(task("quick"), grid=wrong)
    assert queue.jobs() == []


def test_a_retry_makes_the_cells_that_are_missing(settings: Settings, queue: JobQueue) -> None:
    texts = Grid.read({"x": {"of": "prompt", "values": ["quick", "slow", "steps 1"]}})
    job = queue.submit(task("quick"), grid=texts)
    wait_until(running_part(queue, job.id, 2), "the second cell")
    queue.cancel(job.id)
    stopped = wait_for_state(queue, job.id, "cancelled")
    assert part_states(stopped) == ["done", "cancelled", "cancelled"]
    queue.retry(job.id)
    wait_until(lambda: begun_runs(settings).count(job.parts[1].id) == 2, "the second cell again")
    assert begun_runs(settings).count(job.parts[0].id) == 1
    again = queue.get(job.id)
    assert again is not None
    assert again.grid == job.grid is not None
    queue.cancel(job.id)


def test_after_a_killed_worker_the_cells_that_are_done_stay(
    settings: Settings, queue: JobQueue
) -> None:
    texts = Grid.read({"x": {"of": "prompt", "values": ["quick", "gate", "steps 1"]}})
    job = queue.submit(task("quick"), grid=texts)
    wait_until(running_part(queue, job.id, 2), "the second cell")
    for pid in worker_pids():
        os.kill(pid, signal.SIGKILL)
    stopped = wait_for_state(queue, job.id, "interrupted", "failed", "done")
    assert (stopped.state, stopped.parts[0].state) == ("interrupted", "done")
    (settings.outputs_dir / "open").touch()
    queue.retry(job.id)
    done = wait_for_state(queue, job.id, "done", "failed")
    assert part_states(done) == ["done"] * 3
    assert done.parts[0] == stopped.parts[0]
    runs = begun_runs(settings)
    assert [runs.count(part.id) for part in done.parts] == [1, 2, 1]


def test_after_a_killed_app_the_next_one_makes_what_is_missing(
    settings: Settings, make_queue: Callable[..., JobQueue], tmp_path: Path
) -> None:
    script = tmp_path / "app.py"
    script.write_text(
        KILLED_APP.format(data=str(settings.data_dir), outputs=str(settings.outputs_dir))
    )
    with subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env=with_sources()) as process:
        wait_until(lambda: len(begun_runs(settings)) == 2, "the second cell")
        process.kill()
    (settings.outputs_dir / "open").touch()
    queue = make_queue()
    (job,) = queue.jobs()
    wait_for_state(queue, job.id, "interrupted")
    queue.retry(job.id)
    done = wait_for_state(queue, job.id, "done", "failed")
    assert part_states(done) == ["done"] * 3
    runs = begun_runs(settings)
    assert [runs.count(part.id) for part in done.parts] == [1, 2, 1]
    assert [done.to_dict()["parts"][number]["cell"] for number in range(3)] == [
        [0, 0], [1, 0], [2, 0],
    ]  # fmt: skip


KILLED_APP = """
import time

from tests.support.jobs.scripted_queue import SCRIPTED, task
from wan_lora_studio.grid import Grid
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import load_settings

if __name__ == "__main__":
    settings = load_settings(data_dir={data!r}, outputs_dir={outputs!r})
    queue = JobQueue(settings, runner=SCRIPTED)
    texts = {{"x": {{"of": "prompt", "values": ["quick", "gate", "steps 1"]}}}}
    queue.submit(task("quick"), grid=Grid.read(texts))
    queue.start()
    time.sleep(600)
"""


def with_sources() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def waiting(settings: Settings, make_queue: Callable[..., JobQueue]) -> JobQueue:
    settings.loras_dir.mkdir(parents=True)
    for number, name in enumerate(("dawn", "dusk")):
        write_lora(settings.loras_dir / f"{name}.safetensors", seed=number)
    return make_queue(start=False)


def test_an_edited_task_changes_every_cell(waiting: JobQueue) -> None:
    grid = Grid.read({"x": {"of": "strength", "lora": "dawn", "values": [0, 1]}})
    job = waiting.submit(task("quick", selected_loras={"dawn": 0.5}), grid=grid)
    chosen = {"selected_loras": {"dawn": {"high": 0.6, "low": 0.2}, "dusk": 1.0}}
    edited = waiting.edit(job.id, chosen)
    assert [part.id for part in edited.parts] == [part.id for part in job.parts]
    assert [part.task.selected_loras for part in edited.parts] == [
        {"dawn": {"high": 0.0, "low": 0.0}, "dusk": 1.0},
        {"dawn": {"high": 0.6, "low": 0.2}, "dusk": 1.0},
    ]
    assert edited.grid is not None
    assert edited.grid.columns == ("× 0", "× 1")
    assert [part.label for part in edited.parts] == ["dawn × 0", "dawn × 1"]


def test_other_parts_make_it_a_batch_and_a_copy_stays_a_grid(waiting: JobQueue) -> None:
    job = waiting.submit(task("quick"), grid=SEEDS_BY_STEPS)
    copy = waiting.duplicate(job.id, new_seed=True)
    assert copy.grid == job.grid
    assert [part.task.seed for part in copy.parts] == [1, 2, 3, 1, 2, 3]
    assert waiting.edit(job.id, {}, parts=[Part("one", {"seed": 9})]).grid is None


def test_a_plan_says_what_a_grid_would_make(queue: JobQueue) -> None:
    first = queue.plan(task("quick"), SEEDS_BY_STEPS).to_dict()
    assert first == {
        "videos": 6, "columns": ["1", "2", "3"], "rows": ["2", "4"], "seconds": None,
        "problems": [],
    }  # fmt: skip
    nothing = queue.plan(task(""), SEEDS_BY_STEPS).to_dict()
    assert nothing["columns"] == ["1", "2", "3"]
    assert any("Write a prompt first" in problem["text"] for problem in nothing["problems"])
    assert queue.jobs() == []


def test_the_time_of_a_grid_comes_from_the_times_of_earlier_runs(queue: JobQueue) -> None:
    wait_for_state(queue, queue.submit(task("quick", steps=2)).id, "done")
    # The run took 0.1 s for 2 steps; the grid has 3 runs of 2 steps and 3 of 4.
    assert queue.plan(task("quick"), SEEDS_BY_STEPS).seconds == pytest.approx(0.9)
    others = task("quick", model_type="t2v-A14B")
    assert queue.plan(others, SEEDS_BY_STEPS).seconds is None


def queue_of_version_3(settings: Settings) -> str:
    """A queue's file as it was before grids, with a batch that waits; gives the batch's id."""
    queue = JobQueue(settings)
    job = queue.submit(task("quick"), parts=[Part("a", {"seed": 1}), Part("b", {"seed": 2})])
    queue.close()
    with closing(sqlite3.connect(settings.data_dir / "jobs.sqlite")) as connection:
        for column in ("jobs DROP COLUMN grid", *(f"parts DROP COLUMN {name}" for name in LATER)):
            connection.execute(f"ALTER TABLE {column}")
        connection.execute("PRAGMA user_version = 3")
    return job.id


def test_a_queue_from_before_there_were_grids_goes_on(
    settings: Settings, make_queue: Callable[..., JobQueue]
) -> None:
    job_id = queue_of_version_3(settings)
    done = wait_for_state(make_queue(), job_id, "done")
    assert (done.grid, part_states(done)) == (None, ["done", "done"])


@pytest.mark.parametrize("stored", ["{", "[]", json.dumps({"x": {"of": "seed"}, "y": None})])
def test_a_grid_that_cannot_be_read_is_shown_as_a_batch(
    settings: Settings, waiting: JobQueue, stored: Any
) -> None:
    job = waiting.submit(task("quick"), grid=SEEDS_BY_STEPS)
    with closing(sqlite3.connect(settings.data_dir / "jobs.sqlite")) as connection, connection:
        connection.execute("UPDATE jobs SET grid = ?", (stored,))
    found = waiting.get(job.id)
    assert found is not None
    assert (found.grid, len(found.parts)) == (None, 6)
