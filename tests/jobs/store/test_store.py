from __future__ import annotations

import dataclasses
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.jobs.scripted_queue import task
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.jobs.store.arranging import ArrangedStore as JobStore
from wan_lora_studio.jobs.store.schema import JOBS
from wan_lora_studio.jobs.supervisor.instances import Instances
from wan_lora_studio.wan.task import GenerationTask

STORED_TASK_FIELDS = {
    "id", "model_type", "prompt", "negative_prompt", "image", "width", "height", "num_frames",
    "fps", "steps", "guidance_scale", "guidance_scale_2", "flow_shift", "seed", "selected_loras",
    "lora_memory_usage", "lora_load_time", "lora_metadata",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    made = JobStore(tmp_path / "data" / "jobs.sqlite")
    yield made
    made.close()


def test_stored_tasks_belong_to_the_schema_version() -> None:
    """A new field of a task is not readable by older versions: add a step to the schema with it."""
    fields = {item.name for item in dataclasses.fields(GenerationTask)}
    assert (fields, len(JOBS.steps)) == (STORED_TASK_FIELDS, 5)


def test_a_claimed_job_has_one_owner(store: JobStore) -> None:
    job = store.add(task())
    claimed = store.claim("a")
    assert claimed is not None and claimed.id == job.id
    assert claimed == store.get(job.id)
    assert store.claim("b") is None
    assert store.owners() == {"a"}
    assert not store.finish(job.id, "b", "done")
    assert not store.release(job.id, "b")
    assert store.finish(job.id, "a", "done", result={"frames": 1})
    assert not store.finish(job.id, "a", "failed"), "a finished job stays finished"
    finished = store.get(job.id)
    assert finished is not None and (finished.state, finished.result) == ("done", {"frames": 1})


def test_a_released_job_keeps_its_place(store: JobStore) -> None:
    first, second = store.add(task()), store.add(task())
    store.claim("a")
    assert store.release(first.id, "a")
    assert [job.position for job in store.newest()] == [2, 1]
    again = store.claim("b")
    assert again is not None and again.id == first.id
    assert store.get(second.id) is not None


def test_a_job_that_shall_be_cancelled_is_not_released(store: JobStore) -> None:
    job = store.add(task())
    store.claim("a")
    assert store.cancel(job.id)
    assert store.cancel_requested(job.id)
    assert not store.release(job.id, "a")


def test_a_finished_job_takes_no_late_result(store: JobStore) -> None:
    dead, alive = store.add(task()), store.add(task())
    store.claim("dead")
    store.claim("alive")
    assert [job.id for job in store.owned("dead")] == [dead.id]
    assert store.finish(dead.id, "dead", "interrupted", error={"message": "gone"})
    states = {job.id: job.state for job in store.newest()}
    assert states == {dead.id: "interrupted", alive.id: "running"}
    assert not store.finish(dead.id, "dead", "done"), "its late result is not taken"


def test_the_revision_grows_with_every_change_of_the_list(store: JobStore) -> None:
    numbers = [store.revision()]
    job = store.add(task())
    numbers.append(store.revision())
    store.claim("a")
    numbers.append(store.revision())
    store.set_paused(True)
    numbers.append(store.revision())
    assert numbers == sorted(set(numbers))
    store.save_progress(job.id, "a", {"stage": "sample"})
    assert store.revision() == numbers[-1], "a list shows no progress"


def test_many_claim_at_once_and_each_job_is_claimed_once(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    stores = [JobStore(path) for _ in range(4)]
    ids = [stores[0].add(task()).id for _ in range(40)]
    claimed: list[str] = []

    def claim_all(store: JobStore, owner: str) -> None:
        while (job := store.claim(owner)) is not None:
            claimed.append(job.id)

    threads = [
        threading.Thread(target=claim_all, args=(store, str(index)))
        for index, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert sorted(claimed) == sorted(ids)


def test_a_failed_write_leaves_nothing(store: JobStore) -> None:
    job = store.add(task())
    before = store.revision()
    with pytest.raises(sqlite3.IntegrityError):
        store.add(job.task)
    assert (len(store.newest()), store.revision()) == (1, before)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SettingsError, match="cannot be opened") as caught:
        JobStore(tmp_path / "data" / "jobs.sqlite")
    assert any("data_dir" in text for text in caught.value.suggestions)


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database " * 100)
    store = JobStore(tmp_path / "jobs.sqlite")
    assert store.newest() == [] and store.add(task("a")).state == "queued"
    assert len(list(tmp_path.glob("jobs.damaged-*.sqlite"))) == 1
    store.close()


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    JobStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={len(JOBS.steps) + 1}")
    connection.close()
    with pytest.raises(SettingsError, match="newer version"):
        JobStore(path)


def test_an_instance_lives_while_it_holds_its_lock(tmp_path: Path) -> None:
    one, two = Instances(tmp_path), Instances(tmp_path)
    first, second = one.join(), two.join()
    assert one.alive(first) and one.alive(second) and two.alive(first)
    one.leave()
    assert not two.alive(first) and not one.alive(first)
    assert not two.alive("never joined")
    two.leave()
    assert not list(tmp_path.glob("*.alive"))


def test_files_of_dead_instances_are_swept(tmp_path: Path) -> None:
    (tmp_path / "dead.alive").write_text("")
    living = Instances(tmp_path)
    living.join()
    assert [path.stem for path in tmp_path.glob("*.alive")] == [living.id]
    living.leave()


VERSION_1 = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    task TEXT NOT NULL, progress TEXT NOT NULL, result TEXT, error TEXT, created REAL NOT NULL,
    started REAL, finished REAL, owner TEXT, cancel_requested INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE TABLE revision (value INTEGER NOT NULL);
INSERT INTO revision SELECT 0;
PRAGMA user_version=1;
"""


def test_a_queue_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    made = [task(f"number {number}") for number in range(3)]
    connection.executemany(
        "INSERT INTO jobs (id, state, task, progress, created) VALUES (?, 'queued', ?, '{}', 1)",
        [(each.id, json.dumps(each.to_dict())) for each in made],
    )
    connection.commit()
    connection.close()
    store = JobStore(path)
    newest = store.add(task("newest"))
    order = [job.id for job in store.in_state("queued")]
    assert order == [*(each.id for each in made), newest.id]
    store.close()
