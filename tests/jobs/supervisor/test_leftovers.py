"""What a killed worker leaves in the outputs folder, and what becomes of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.jobs.scripted_queue import task, wait_for_state
from tests.support.result_files import metadata, write_video
from wan_lora_studio.jobs.job import JobPart
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.jobs.store.arranging import ArrangedStore
from wan_lora_studio.jobs.supervisor.instances import Instances
from wan_lora_studio.jobs.supervisor.leftovers import STRANGE_SECONDS
from wan_lora_studio.jobs.supervisor.recovery import Recovery
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.task import GenerationTask


@pytest.fixture
def outputs(settings: Settings) -> Path:
    settings.outputs_dir.mkdir()
    return settings.outputs_dir


def write(outputs: Path, made: GenerationTask, *endings: str) -> list[Path]:
    """Files as `write_result` names them, such as `mp4` or `mp4.part`; what is whole is real."""
    stem = f"20260101-000000-a-fox-{made.id[:8]}"
    sidecar = {
        **metadata(),
        "task": {**made.to_dict(), "steps": 4},
        "prompt_used": "a fox, ink style",
        "recoveries": [{"action": "tile_vae", "detail": "Decoded in tiles."}],
    }
    if "mp4" in endings:
        write_video(outputs, stem, sidecar)
    paths = []
    for ending in endings:
        hidden = "." if ending.endswith(".part") else ""
        path = outputs / f"{hidden}{stem}.{ending}"
        if not path.exists():
            path.write_text(json.dumps(sidecar) if "json" in ending else "bytes")
        paths.append(path)
    return paths


def left_running(settings: Settings, *parts: GenerationTask) -> GenerationTask:
    """A job that an instance, now dead, was running; of a batch the first part."""
    store = ArrangedStore(settings.data_dir / "jobs.sqlite")
    made = task("a fox")
    store.add(made, [JobPart(part.id, part.prompt, {}, part) for part in parts])
    store.claim("dead")
    store.begin_part(made.id, "dead")
    store.close()
    return made


def test_a_video_that_was_whole_is_the_jobs_result(
    settings: Settings, outputs: Path, make_queue: Callable[..., JobQueue]
) -> None:
    made = left_running(settings)
    video, *_ = write(outputs, made, "mp4", "json", "jpg")
    job = wait_for_state(make_queue(), made.id, "done")
    assert job.result is not None
    assert job.result["video_path"] == str(video)
    assert job.result["task"] == {**made.to_dict(), "steps": 4}
    assert job.result["prompt_used"] == "a fox, ink style"
    assert job.result["recoveries"] == [{"action": "tile_vae", "detail": "Decoded in tiles."}]


def test_a_part_that_was_whole_is_kept_and_the_batch_interrupted(
    settings: Settings, outputs: Path, make_queue: Callable[..., JobQueue]
) -> None:
    parts = task("one"), task("two")
    made = left_running(settings, *parts)
    write(outputs, parts[0], "mp4", "json", "jpg")
    job = wait_for_state(make_queue(), made.id, "interrupted")
    assert [part.state for part in job.parts] == ["done", "queued"]
    assert job.parts[0].result is not None


def test_the_last_part_that_was_whole_ends_the_batch(
    settings: Settings, outputs: Path, make_queue: Callable[..., JobQueue]
) -> None:
    part = task("one")
    made = left_running(settings, part)
    write(outputs, part, "mp4", "json", "jpg")
    assert wait_for_state(make_queue(), made.id, "done").parts[0].state == "done"


@pytest.mark.parametrize(
    "endings", [("mp4.part",), ("json.part", "mp4.part"), ("json",), ("json", "jpg", "mp4.part")]
)
def test_pieces_are_removed_and_the_job_is_interrupted(
    settings: Settings,
    outputs: Path,
    make_queue: Callable[..., JobQueue],
    endings: tuple[str, ...],
) -> None:
    made = left_running(settings)
    write(outputs, made, *endings)
    kept = write(outputs, task("another of this second"), "mp4", "json", "jpg")
    job = wait_for_state(make_queue(), made.id, "interrupted")
    assert job.result is None
    assert sorted(outputs.glob("*.[mj]*")) == sorted(kept)
    assert not list(outputs.glob(".*"))


def test_only_pieces_of_the_dead_are_swept(settings: Settings, outputs: Path) -> None:
    store = ArrangedStore(settings.data_dir / "jobs.sqlite")
    ended, running = store.add(task("x")), store.add(task("y"))
    store.claim("a")
    store.finish(ended.id, "a", "interrupted")
    store.claim("living")
    for each in (ended.task, running.task):
        write(outputs, each, "mp4.part")
    script, old = task("of a script"), task("old")
    (theirs,) = write(outputs, script, "mp4.part")
    (nobodys,) = write(outputs, old, "mp4.part")
    long_ago = time.time() - STRANGE_SECONDS - 60
    os.utime(nobodys, (long_ago, long_ago))
    Recovery(store, outputs).sweep()
    left = {path.name for path in outputs.iterdir()}
    assert left == {theirs.name, f".20260101-000000-a-fox-{running.id[:8]}.mp4.part"}
    store.close()


def test_a_job_that_was_to_be_cancelled_is_cancelled(settings: Settings) -> None:
    made = left_running(settings)
    store = ArrangedStore(settings.data_dir / "jobs.sqlite")
    store.cancel(made.id)
    Recovery(store, settings.outputs_dir).free_the_dead(Instances(settings.data_dir / "instances"))
    job = store.get(made.id)
    assert job is not None and job.state == "cancelled"
    store.close()


HARMFUL: dict[str, Callable[[dict[str, Any]], object]] = {
    "no task": lambda data: {**data, "task": None},
    "a task that is a list": lambda data: {**data, "task": [1]},
    "no shape": lambda data: {k: v for k, v in data.items() if k != "frames_shape"},
    "a shape of words": lambda data: {**data, "frames_shape": "large"},
    "a shape of four texts": lambda data: {**data, "frames_shape": ["a", "b", "c", "d"]},
    "an unknown field": lambda data: {**data, "task": {**data["task"], "strange": 1}},
    "a prompt that is a list": lambda data: {**data, "task": {**data["task"], "prompt": [1]}},
    "a size of text": lambda data: {**data, "task": {**data["task"], "width": "wide"}},
    "LoRAs that are a list": lambda data: {
        **data,
        "task": {**data["task"], "selected_loras": [1]},
    },
    "a list": lambda data: [data],
}


@pytest.mark.parametrize("what", HARMFUL)
@pytest.mark.parametrize("video", ["empty", "real"])
def test_what_names_a_running_job_but_is_no_result_of_ours_ends_nothing(
    settings: Settings,
    outputs: Path,
    make_queue: Callable[..., JobQueue],
    what: str,
    video: str,
) -> None:
    made = left_running(settings)
    data = HARMFUL[what]({**metadata(), "task": {**made.to_dict(), "steps": 4}})
    stem = f"20260101-000000-a-fox-{made.id[:8]}"
    if video == "empty":
        (outputs / f"{stem}.mp4").touch()
        (outputs / f"{stem}.json").write_text(json.dumps(data))
    else:
        write_video(outputs, stem, cast("dict[str, Any]", data))
    queue = make_queue()
    assert wait_for_state(queue, made.id, "interrupted").result is None
    assert queue.health()
    assert (outputs / f"{stem}.mp4").exists(), "it may be somebody's"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"task": ' * 90_000, "9" * 5000, "\udcff", "{}"])
def test_a_hostile_json_beside_an_empty_video_ends_nothing(
    settings: Settings, outputs: Path, make_queue: Callable[..., JobQueue], text: str
) -> None:
    made = left_running(settings)
    place = outputs / f"x-{made.id[:8]}.json"
    place.write_bytes(text.encode("utf-8", "surrogateescape"))
    place.with_suffix(".mp4").touch()
    os.mkfifo(outputs / f"y-{made.id[:8]}.json")
    os.mkfifo(outputs / f"y-{made.id[:8]}.mp4")
    queue = make_queue()
    assert wait_for_state(queue, made.id, "interrupted").result is None
    assert queue.health()


def test_fields_of_the_wrong_kind_are_left_out_of_a_result(
    settings: Settings, outputs: Path, make_queue: Callable[..., JobQueue]
) -> None:
    made = left_running(settings)
    odd = {
        "timings": {"sample": 1.0, "x": "y"},
        "loras": [1],
        "warnings": [1, "w"],
        "recoveries": 3,
    }
    data = {**metadata(), "task": {**made.to_dict(), "steps": 4}, **odd}
    write_video(outputs, f"20260101-000000-a-fox-{made.id[:8]}", data)
    result = wait_for_state(make_queue(), made.id, "done").result
    assert result is not None
    assert (result["timings"], result["loras"]) == ({"sample": 1.0}, {})
    assert (result["warnings"], result["recoveries"]) == (["w"], [])
