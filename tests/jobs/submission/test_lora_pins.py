"""What happens to a LoRA or a picture after a job was submitted changes nothing for the job."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.jobs.scripted_queue import (
    SCRIPTED,
    running_part,
    task,
    wait_for_state,
    wait_until,
)
from tests.support.loras import weights as lora_weights
from tests.support.result_files import frames_of
from tests.support.tiny_models import save_tiny_model, table_row, tiny_transformer
from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.jobs.job import Job, Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.jobs.submission import lora_pins
from wan_lora_studio.jobs.submission.lora_pins import LoRAPins
from wan_lora_studio.lora.files.hashing import file_sha256
from wan_lora_studio.settings import ExtraFolder, Settings, load_settings
from wan_lora_studio.wan.lora_manager import LoRAManager


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny").parent


@pytest.fixture
def settings(models: Path, tmp_path: Path) -> Settings:
    (tmp_path / "loras").mkdir()
    for seed, name in enumerate(("first", "second", "pair_high_noise", "pair_low_noise")):
        save_lora(tmp_path / "loras" / f"{name}.safetensors", seed)
    return load_settings(
        loras_dir=tmp_path / "loras",
        outputs_dir=tmp_path / "outputs",
        data_dir=tmp_path / "data",
        models={"tiny": table_row("t2v", models / "tiny")},
        default_model="tiny",
        device="cpu",
    )


def save_lora(path: Path, seed: int) -> None:
    shapes = {name: tuple(p.shape) for name, p in tiny_transformer().named_parameters()}
    lora_weights.lora_file(shapes, lora_weights.kohya, seed=seed, alpha=2.0).save(path)


@pytest.fixture
def loras(settings: Settings) -> LoRAManager:
    return LoRAManager(settings)


@pytest.fixture
def queue(settings: Settings, loras: LoRAManager) -> Iterator[JobQueue]:
    """Paused, so that there is time to meddle before a job begins."""
    made = JobQueue(settings, loras=loras)
    made.start()
    made.pause()
    yield made
    made.close()


@pytest.fixture
def idle(settings: Settings, loras: LoRAManager) -> Iterator[JobQueue]:
    """For what needs no video: its worker runs scripts, and is not started."""
    made = JobQueue(settings, loras=loras, runner=SCRIPTED)
    yield made
    made.close()


def submit(queue: JobQueue, *names: str, parts: tuple[Part, ...] = ()) -> Job:
    asked = task("x", model_type="tiny", steps=2, seed=3, selected_loras=dict.fromkeys(names, 1.0))
    return queue.submit(asked, parts=parts)


def frames(queue: JobQueue, job: Job) -> list[bytes]:
    queue.resume()
    done = wait_for_state(queue, job.id, "done", "failed")
    queue.pause()
    assert done.error is None and done.result is not None, done.error
    return frames_of(str(done.result["video_path"]))


def pinned(settings: Settings) -> list[Path]:
    # Unlike Path.glob, os.walk takes a folder that goes meanwhile for an empty one.
    found = os.walk(settings.data_dir / "inputs" / "loras")
    return sorted(Path(folder, name) for folder, _, names in found for name in names)


@pytest.mark.slow  # a worker with a model
def test_jobs_use_the_files_that_were_chosen(
    settings: Settings, loras: LoRAManager, queue: JobQueue
) -> None:
    names = ("renamed", "deleted", "emptied", "replaced", "unlinked")
    for name in names:
        shutil.copy(
            settings.loras_dir / "first.safetensors", settings.loras_dir / f"{name}.safetensors"
        )
    loras.refresh()
    plain, jobs = submit(queue), [submit(queue, name) for name in names]
    expected = submit(queue, "first")
    loras.rename_lora_file("renamed", "other")
    loras.delete_lora_file("emptied")
    loras.empty_trash()
    loras.delete_lora_file("deleted")
    save_lora(settings.loras_dir / "new.part", 9)
    (settings.loras_dir / "new.part").replace(settings.loras_dir / "replaced.safetensors")
    (settings.loras_dir / "unlinked.safetensors").unlink()
    right = frames(queue, expected)
    assert [frames(queue, job) == right for job in jobs] == [True] * len(names)
    assert frames(queue, plain) != right
    wait_until(lambda: not pinned(settings), "the pins' end")


@pytest.mark.slow  # a worker with a model
def test_a_running_video_is_finished_as_it_began(
    settings: Settings, loras: LoRAManager, queue: JobQueue
) -> None:
    expected = frames(queue, submit(queue, "first", "second", "pair"))
    job = submit(queue, "first", "second", "pair")
    queue.resume()
    wait_for_state(queue, job.id, "running", "done")
    loras.delete_lora_file("first")
    loras.empty_trash()
    loras.rename_lora_file("second", "another")
    loras.create_folder("deep")
    loras.move_lora_file("pair", "deep")
    assert frames(queue, job) == expected


def test_a_pin_is_a_link_and_jobs_share_it(settings: Settings, idle: JobQueue) -> None:
    submit(idle, "first", "pair")
    submit(idle, "first")
    held = pinned(settings)
    assert len(held) == 3
    library = {path.stat().st_ino for path in settings.loras_dir.glob("*.safetensors")}
    assert {path.stat().st_ino for path in held} <= library
    assert sorted(path.name for path in held)[0] == "first.safetensors"


def test_pins_go_with_the_last_job_that_needs_them(settings: Settings, idle: JobQueue) -> None:
    first, second = submit(idle, "first"), submit(idle, "first", "second")
    idle.delete(second.id)
    assert [path.name for path in pinned(settings)] == ["first.safetensors"]
    idle.cancel(first.id)
    idle.retry(first.id)
    assert pinned(settings), "it can be run again"
    idle.clear(["queued"])
    assert pinned(settings) == []


def test_what_a_killed_app_left_is_swept_at_the_start(settings: Settings, idle: JobQueue) -> None:
    idle.pause()
    job = submit(idle, "first")
    stray = settings.data_dir / "inputs" / "loras" / "0123"
    stray.mkdir()
    (stray / "x.safetensors").write_bytes(b"x")
    picture = settings.data_dir / "inputs" / "pictures" / "y.png"
    picture.parent.mkdir()
    picture.write_bytes(b"y")
    idle.start()
    assert [path.name for path in pinned(settings)] == ["first.safetensors"]
    assert not stray.exists() and not picture.exists()
    idle.resume()
    wait_for_state(idle, job.id, "done")
    wait_until(lambda: not pinned(settings), "the pin's end")


@pytest.mark.slow  # a worker with a model
def test_a_file_overwritten_in_place_fails_the_job_by_name(
    settings: Settings, queue: JobQueue
) -> None:
    job, after = submit(queue, "first"), submit(queue, "second")
    path = settings.loras_dir / "first.safetensors"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 64)
    queue.resume()
    failed = wait_for_state(queue, job.id, "failed", "done")
    assert failed.error is not None
    assert "first.safetensors was overwritten in place" in failed.error["message"]
    assert failed.error["suggestions"]
    wait_for_state(queue, after.id, "done")


@pytest.mark.slow  # a worker with a model
def test_a_touched_file_is_the_same_file(
    settings: Settings, loras: LoRAManager, queue: JobQueue
) -> None:
    loras.sha256("first")
    job = submit(queue, "first")
    os.utime(settings.loras_dir / "first.safetensors", (1, 1))
    assert frames(queue, job)


@pytest.mark.slow  # a worker with a model
def test_a_configuration_beside_the_file_is_held_too(
    settings: Settings, loras: LoRAManager, queue: JobQueue
) -> None:
    folder = settings.loras_dir / "exported"
    folder.mkdir()
    shapes = {name: tuple(p.shape) for name, p in tiny_transformer().named_parameters()}
    made = lora_weights.lora_file(shapes, lora_weights.diffusion_model, seed=4)
    made.save(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"lora_alpha": 64, "r": 4}')
    loras.refresh()
    name = next(name for name in loras.list_available_loras() if "exported" in name)
    expected = frames(queue, submit(queue, name))
    job = submit(queue, name)
    shutil.rmtree(folder)
    assert frames(queue, job) == expected


@pytest.mark.slow  # a worker with a model
def test_a_duplicate_and_an_edit_keep_what_was_held(loras: LoRAManager, queue: JobQueue) -> None:
    job = submit(queue, "first")
    loras.delete_lora_file("first")
    loras.empty_trash()
    copy = queue.duplicate(job.id)
    edited = queue.edit(job.id, {"selected_loras": {"first": 1.0, "second": 0.0}})
    assert set(edited.task.selected_loras) == {"first", "second"}
    assert frames(queue, copy) == frames(queue, job)
    with pytest.raises(LoRANotFoundError, match="first"):
        queue.duplicate(job.id)


@pytest.mark.slow  # a worker with a model
def test_the_loras_of_every_part_are_held(loras: LoRAManager, queue: JobQueue) -> None:
    parts = tuple(
        Part(name, {"selected_loras": {name: 1.0}}) for name in ("first", "second", "pair")
    )
    job = submit(queue, parts=parts)
    assert job.parts[1].task.lora_metadata.keys() == {"second"}
    for name in ("first", "second", "pair"):
        loras.delete_lora_file(name)
    loras.empty_trash()
    queue.resume()
    done = wait_for_state(queue, job.id, "done", "failed")
    assert [part.state for part in done.parts] == ["done"] * 3


def test_an_edit_keeps_what_a_failed_part_would_need(settings: Settings, idle: JobQueue) -> None:
    texts = {"fail": "first", "gate": "second", "quick": "second"}
    job = idle.submit(
        task("x", model_type="tiny"),
        parts=[
            Part(text, {"prompt": text, "selected_loras": {lora: 1.0}})
            for text, lora in texts.items()
        ],
    )
    idle.start()
    wait_until(running_part(idle, job.id, 2), "the second part")
    idle.pause()
    (settings.outputs_dir / "open").touch()
    wait_for_state(idle, job.id, "queued")
    idle.edit(job.id, {"steps": 3})
    idle.clear()  # which lets go of what no job holds
    assert {path.name for path in pinned(settings)} == {"first.safetensors", "second.safetensors"}


def test_a_file_that_was_replaced_is_not_pinned_with_the_old_hash(
    settings: Settings, loras: LoRAManager
) -> None:
    library, names = settings.loras_dir, ("first", "second")
    before = {name: loras.sha256(name)["both"] for name in names}
    loras.refresh()  # so that it is not yet time to look again
    for seed, name in enumerate(names, 7):
        save_lora(library / "new.part", seed)
        (library / "new.part").replace(library / f"{name}.safetensors")
    pins = LoRAPins(settings.data_dir / "loras", library).pin(names, loras, {})
    view = loras.with_pins(pins)
    for name in names:
        found = view.sha256(name)["both"]
        assert found == file_sha256(library / f"{name}.safetensors") != before[name]


@pytest.mark.slow  # a worker with a model
def test_a_job_keeps_a_lora_of_another_disk(
    settings: Settings, other_disk: Path, loras: LoRAManager, queue: JobQueue
) -> None:
    """One is moved to the library's disk, which leaves its old disk."""
    folder = ExtraFolder(path=other_disk, writable=True)
    both = settings.model_copy(update={"extra_lora_dirs": (folder,)})
    for name in ("moved", "deleted"):
        shutil.copy(settings.loras_dir / "first.safetensors", other_disk / f"{name}.safetensors")
    expected = frames(queue, submit(queue, "first"))
    queue.close()
    library = LoRAManager(both)
    again = JobQueue(both, loras=library)
    again.start()
    again.pause()
    try:
        jobs = [submit(again, name) for name in ("moved", "deleted")]
        assert len(list(other_disk.glob(".pinned/*/*/*"))) == 2
        library.move_lora_file("moved", "")
        library.delete_lora_file("deleted")
        library.empty_trash()
        assert [frames(again, job) for job in jobs] == [expected, expected]
        wait_until(lambda: not list(other_disk.glob(".pinned/*/*/*")), "the pins' end")
    finally:
        again.close()


@pytest.mark.parametrize("far", [False, True])
def test_a_linked_file_is_kept_when_its_link_is_deleted(
    settings: Settings, other_disk: Path, tmp_path: Path, far: bool
) -> None:
    target = (other_disk if far else tmp_path) / "target.safetensors"
    shutil.copy(settings.loras_dir / "first.safetensors", target)
    link = settings.loras_dir / "linked.safetensors"
    link.symlink_to(os.path.relpath(target, link.parent))
    loras = LoRAManager(settings)
    pins = LoRAPins(tmp_path / "pins" / "loras", settings.loras_dir).pin(["linked"], loras, {})
    loras.delete_lora_file("linked")
    held = pins["linked"].paths(settings.loras_dir)["both"]
    assert held.samefile(target)
    assert not held.is_symlink()


def test_data_folders_that_share_a_library_leave_each_other_their_links(
    settings: Settings, other_disk: Path, tmp_path: Path
) -> None:
    shutil.copy(settings.loras_dir / "first.safetensors", other_disk / "shared.safetensors")
    loras = LoRAManager(settings.model_copy(update={"loras_dir": other_disk}))
    mine, theirs = (LoRAPins(tmp_path / data / "loras", other_disk) for data in ("a", "b"))
    held = mine.pin(["shared"], loras, {})
    theirs.sweep([])
    assert [Path(file.path).is_file() for file in held["shared"].files.values()] == [True]
    again = LoRAPins(tmp_path / "a" / "loras", other_disk)
    again.sweep([held])
    assert list(other_disk.glob(".pinned/*/*/shared.safetensors"))
    again.sweep([])
    assert not list(other_disk.glob(".pinned/*/*/*"))


@pytest.mark.slow  # a worker with a model
def test_without_hard_links_the_file_is_found_where_it_went(
    settings: Settings, loras: LoRAManager, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_args: object, **_options: object) -> None:
        raise OSError(lora_pins.NO_LINKS[0], "no hard links here")

    expected = frames(queue, submit(queue, "first"))
    monkeypatch.setattr(os, "link", no_links)
    job = submit(queue, "first")
    assert pinned(settings) == []
    monkeypatch.undo()
    loras.delete_lora_file("first")
    assert frames(queue, job) == expected
