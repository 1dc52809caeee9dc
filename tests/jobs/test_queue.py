from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.jobs.scripted_queue import begun_runs, task, wait_for_state, wait_until
from tests.support.loras.files import write_lora
from wan_lora_studio.errors import GenerationError, SettingsError
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings


def test_a_job_runs_and_keeps_its_result(queue: JobQueue) -> None:
    job = queue.submit(task("steps 3"))
    assert job.state == "queued"
    done = wait_for_state(queue, job.id, "done", "failed")
    assert done.state == "done"
    assert done.result is not None and done.result["video_path"] == "v.mp4"
    assert done.result["task"]["seed"] == job.task.seed
    assert done.progress["stage"] == "write"
    assert done.progress["preview_version"] == 2
    assert done.started is not None and done.finished is not None
    assert done.created <= done.started <= done.finished
    assert json.loads(json.dumps(done.to_dict()))["task"]["prompt"] == "steps 3"


def test_submit_fixes_everything_that_was_left_open(queue: JobQueue) -> None:
    job = queue.submit(task("quick"))
    assert isinstance(job.task.seed, int)
    assert (job.task.width, job.task.steps) == (128, 20)
    stored = queue.get(job.id)
    assert stored is not None and stored.task == job.task


def test_jobs_run_in_the_order_in_which_they_came(
    settings: Settings, make_queue: Callable[..., JobQueue]
) -> None:
    queue = make_queue(start=False)
    ids = [queue.submit(task(f"steps {index}")).id for index in range(4)]
    assert [job.position for job in reversed(queue.jobs())] == [1, 2, 3, 4]
    queue.start()
    for job_id in ids:
        wait_for_state(queue, job_id, "done")
    assert begun_runs(settings) == ids
    assert [job.id for job in queue.jobs(limit=2)] == [ids[3], ids[2]]


def test_a_task_is_refused_with_every_problem_and_nothing_is_kept(queue: JobQueue) -> None:
    with pytest.raises(GenerationError) as caught:
        queue.submit(task(" ", width=13, steps=0))
    assert len(caught.value.context["problems"]) == 3
    assert queue.jobs() == []


def test_running_a_task_again_gives_it_a_new_id(queue: JobQueue) -> None:
    first = queue.submit(task("quick"))
    second = queue.submit(first.task)
    assert first.id != second.id == second.task.id
    assert first.task.seed == second.task.seed
    wait_for_state(queue, second.id, "done")


def test_an_id_that_means_something_else_is_not_kept(queue: JobQueue) -> None:
    batch = queue.submit(task("quick"), parts=[Part("one", {"seed": 1})])
    part = batch.parts[0].id
    for given in (part, "../mine", "A" * 32, "clip-001"):
        made = queue.submit(task("quick", id=given))
        assert made.id not in (given, batch.id) and made.task.id == made.id
    assert queue.submit(task("quick", id="0" * 32)).id == "0" * 32
    wait_for_state(queue, batch.id, "done")
    assert queue.result(part) == queue.jobs()[-1].parts[0].result


def test_the_picture_is_held_from_submit_on(
    settings: Settings, make_queue: Callable[..., JobQueue], tmp_path: Path
) -> None:
    queue = make_queue(start=False)
    picture = tmp_path / "upload" / "Cat.PNG"
    picture.parent.mkdir()
    picture.write_bytes(b"pixels")
    job = queue.submit(task("quick", model_type="i2v-A14B", image=picture))
    picture.unlink()
    assert job.task.image is not None
    kept = Path(job.task.image)
    assert kept.parent == settings.data_dir / "inputs" / "pictures"
    assert kept.suffix == ".png" and kept.read_bytes() == b"pixels"


def test_a_picture_that_cannot_be_copied_refuses_the_task(
    settings: Settings, make_queue: Callable[..., JobQueue], tmp_path: Path
) -> None:
    queue = make_queue(start=False)
    picture = tmp_path / "cat.png"
    picture.write_bytes(b"pixels")
    (settings.data_dir / "inputs").mkdir()
    (settings.data_dir / "inputs" / "pictures").write_text("a file where the folder should be")
    with pytest.raises(GenerationError, match="picture cannot be kept"):
        queue.submit(task("quick", model_type="i2v-A14B", image=picture))
    assert queue.jobs() == []


def test_a_failure_is_told_with_its_suggestions(queue: JobQueue) -> None:
    failed = wait_for_state(queue, queue.submit(task("fail")).id, "failed")
    assert failed.error is not None
    assert failed.error["message"] == "The picture was black."
    assert failed.error["suggestions"] == ["Use another seed."]


def test_an_unforeseen_error_fails_the_job_and_not_the_worker(
    settings: Settings, queue: JobQueue
) -> None:
    failed = wait_for_state(queue, queue.submit(task("bug")).id, "failed")
    assert failed.error is not None
    assert failed.error["cause"] == "ValueError: something nobody thought of"
    assert "Error" not in failed.error["message"], "what happened, in plain words"
    assert "scripted_runner" in failed.error["context"]["traceback"]
    full = wait_for_state(queue, queue.submit(task("memory")).id, "failed")
    assert full.error is not None and full.error["category"] == "memory"
    after = queue.submit(task("quick"))
    wait_for_state(queue, after.id, "done")
    wait_until(lambda: queue.status()["worker"]["state"] == "ready", "a ready worker")
    assert begun_runs(settings) == [failed.id, full.id, after.id]


def test_the_newest_preview_is_kept_for_the_last_job(queue: JobQueue) -> None:
    slow = queue.submit(task("slow"))
    wait_until(lambda: queue.preview(slow.id) == b"first picture", "a preview while it runs")
    queue.cancel(slow.id)
    quick = queue.submit(task("quick"))
    wait_for_state(queue, quick.id, "done")
    assert queue.preview(quick.id) == b"last picture"
    assert queue.preview(slow.id) is None
    assert queue.preview("unknown") is None


def test_the_default_model_is_loaded_at_the_start_and_another_on_request(queue: JobQueue) -> None:
    wait_until(lambda: queue.status()["worker"]["model"] == "demo", "the default model")
    queue.load_model("t2v-A14B")
    wait_until(lambda: queue.status()["worker"]["model"] == "t2v-A14B", "the other model")
    with pytest.raises(SettingsError):
        queue.load_model("no such model")


def test_the_loras_of_the_form_are_preloaded_once_by_an_idle_worker(
    queue: JobQueue, settings: Settings
) -> None:
    for name in ("b", "a"):
        write_lora(settings.loras_dir / f"{name}.safetensors")
    noted = settings.outputs_dir / "preloaded.txt"
    wait_until(lambda: queue.status()["worker"]["state"] == "ready", "a ready worker")
    for _ in range(2):
        queue.preload({"selected_loras": {"b": 1.0, "a": 0.5, "gone": 1.0}})
        wait_until(noted.exists, "the preloading")
    queue.preload({"selected_loras": {"a": 0.7}})
    queue.preload({"selected_loras": "nonsense"})
    wait_until(lambda: noted.read_text().endswith("a\n") and "b" in noted.read_text(), "the other")
    wait_for_state(queue, queue.submit(task("quick")).id, "done")
    assert noted.read_text() == "a b\na\n"


def test_a_model_that_cannot_be_loaded_stops_nothing(queue: JobQueue) -> None:
    wait_until(lambda: queue.status()["worker"]["model"] == "demo", "the default model")
    queue.load_model("i2v-A14B")

    def refused() -> bool:
        worker = queue.status()["worker"]
        return (worker["state"], worker["detail"]) == ("ready", "There is no model folder.")

    wait_until(refused, "the reason, of a worker that is ready again")
    wait_for_state(queue, queue.submit(task("quick")).id, "done")


def test_status_has_a_new_revision_exactly_when_something_changed(queue: JobQueue) -> None:
    wait_until(lambda: queue.status()["worker"]["state"] == "ready", "a ready worker")
    wait_until(lambda: queue.status()["worker"]["model"] == "demo", "the default model")
    before = queue.status()
    assert queue.status() == before
    assert before["job"] is None and before["queue"] == []
    slow, waiting = queue.submit(task("slow")), queue.submit(task("quick"))
    wait_until(lambda: queue.status()["worker"]["state"] == "busy", "a busy worker")
    during = queue.status()
    assert during["rev"] > before["rev"]
    assert during["job"]["id"] == slow.id
    assert [entry["id"] for entry in during["queue"]] == [waiting.id]
    assert during["queue"][0]["position"] == 1
    queue.cancel(slow.id)
    wait_for_state(queue, waiting.id, "done")
    wait_until(lambda: queue.status()["worker"]["state"] == "ready", "a ready worker")
    after = queue.status()
    assert after["rev"] > during["rev"]
    assert after["job"]["id"] == waiting.id and after["job"]["state"] == "done"
    json.dumps(after)


def test_start_and_stop_may_be_called_again(queue: JobQueue) -> None:
    queue.start()
    queue.stop()
    queue.stop()
    assert queue.status()["worker"]["state"] == "stopped"
    job = queue.submit(task("quick"))
    queue.start()
    wait_for_state(queue, job.id, "done")
