"""Videos of a batch that become previews of LoRAs, as they arrive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.jobs.scripted_queue import task, wait_for_state, wait_until
from tests.support.loras.files import write_lora
from tests.support.loras.pictures import GREEN, RED, looks_like, picture, thumbnail, video
from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.jobs.job import JobPart, Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.lora_manager import LoRAManager


@pytest.fixture
def made(settings: Settings) -> Path:
    """What every scripted run says that it has made."""
    settings.outputs_dir.mkdir(parents=True, exist_ok=True)
    picture(settings.outputs_dir / "v.png", RED)
    return video(settings.outputs_dir / "v.mp4", GREEN)


@pytest.fixture
def library(settings: Settings) -> LoRAManager:
    for index, name in enumerate(("ink", "oil")):
        write_lora(settings.loras_dir / f"{name}.safetensors", seed=index)
    return LoRAManager(settings)


def kept(queue: JobQueue, job_id: str, number: int) -> JobPart:
    def found() -> JobPart | None:
        job = queue.get(job_id)
        part = None if job is None else job.parts[number]
        return part if part is not None and part.preview_note is not None else None

    part: JobPart = wait_until(found, f"the preview of part {number}")
    return part


def previews(*names: str, prompt: str = "quick") -> list[Part]:
    return [Part(name, {"prompt": prompt}, preview_of=name) for name in names]


def test_each_is_kept_as_it_arrives(
    settings: Settings, library: LoRAManager, queue: JobQueue, made: Path
) -> None:
    job = queue.submit(task(), parts=[*previews("ink"), *previews("oil", prompt="gate")])
    assert kept(queue, job.id, 0).preview_note == ""
    running = queue.get(job.id)
    assert running is not None and running.parts[1].state == "running"
    assert looks_like(thumbnail(library, "ink"), RED)
    clip = library.preview_video("ink")
    assert clip is not None and clip.read_bytes().startswith(made.read_bytes())
    assert library.preview_video("oil") is None
    (settings.outputs_dir / "open").touch()
    assert kept(queue, job.id, 1).preview_note == ""
    assert library.preview_video("oil") is not None


def test_what_was_made_before_the_app_ended_is_kept_at_the_next_start(
    settings: Settings, library: LoRAManager, make_queue: Callable[..., JobQueue], made: Path
) -> None:
    queue = make_queue(start=False)
    job = queue.submit(task(), parts=previews("ink"))
    part = job.parts[0]
    store = queue._store  # as a worker leaves it whose app is killed before the preview is kept
    assert store.claim("dead") and store.begin_part(job.id, "dead")
    result = {"video_path": str(made), "poster_path": str(made.with_suffix(".png"))}
    assert store.finish_part(part.id, "dead", "done", result=result)
    queue.close()
    again = make_queue()
    assert kept(again, job.id, 0).preview_note == ""
    assert library.preview_video("ink") is not None


def test_a_lora_that_is_gone_is_told(
    library: LoRAManager, make_queue: Callable[..., JobQueue], made: Path
) -> None:
    queue = make_queue(start=False)
    job = queue.submit(task(), parts=previews("ink", "oil"))
    library.delete_lora_file("ink")
    queue.start()
    assert "ink" in str(kept(queue, job.id, 0).preview_note)
    assert kept(queue, job.id, 1).preview_note == ""
    assert wait_for_state(queue, job.id, "done")


def test_only_a_lora_of_the_library_has_a_preview(library: LoRAManager, queue: JobQueue) -> None:
    with pytest.raises(LoRANotFoundError):
        queue.submit(task(), parts=previews("gone"))
    assert queue.jobs() == []


def test_a_part_says_what_its_preview_came_to(
    library: LoRAManager, queue: JobQueue, made: Path
) -> None:
    job = queue.submit(task(), parts=[*previews("ink"), Part("plain")])
    first, second = job.to_dict()["parts"]
    assert (first["preview_of"], first["preview_note"]) == ("ink", None)
    assert (second["preview_of"], second["preview_note"]) == (None, None)
    kept(queue, job.id, 0)
    assert queue.jobs()[0].to_dict()["parts"][0]["preview_note"] == ""
