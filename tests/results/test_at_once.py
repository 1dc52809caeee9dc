"""Results deleted, brought back, listed and looked for at the same moment: nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.result_traffic import traffic
from tests.support.paths import ROOT
from tests.support.result_files import metadata, video_bytes, write_video
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.results.query import ResultQuery
from wan_lora_studio.settings import Settings, load_settings

NAMES = [f"task-{number}" for number in range(3)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(outputs_dir=tmp_path / "outputs", data_dir=tmp_path / "data")


@pytest.fixture
def library(settings: Settings) -> Any:
    made = ResultLibrary(settings)
    yield made
    made.close()


def make_videos(settings: Settings) -> None:
    for number, name in enumerate(NAMES):
        write_video(settings.outputs_dir, name, metadata(id=name, seed=number))


def assert_all_are_somewhere(library: ResultLibrary) -> None:
    """Each video is listed, or in the trash from where it comes back, with all its files."""
    listed = {result.id for result in library.find(ResultQuery()).results}
    deleted = {entry.result.id for entry in library.trash.entries()}
    assert listed | deleted == set(NAMES) and not listed & deleted
    for name in deleted:
        library.undo(name)
    found = library.find(ResultQuery()).results
    assert {result.seed for result in found} == set(range(len(NAMES)))
    for result in found:
        video = library.video(result)
        assert all(video.with_suffix(ending).is_file() for ending in (".mp4", ".json", ".jpg"))
    assert not [path for path in (library.root / ".trash").rglob("*") if path.is_file()]


def at_once(*acts: Callable[[], object]) -> Counter[str]:
    gate, done = threading.Barrier(len(acts)), Counter[str]()

    def act(function: Callable[[], object]) -> None:
        gate.wait()
        try:
            function()
            done["done"] += 1
        except GenerationError as error:
            done[str(error.context.get("status"))] += 1

    threads = [threading.Thread(target=act, args=(function,)) for function in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_of_two_deletions_one_happens_and_can_be_undone(
    settings: Settings, library: ResultLibrary
) -> None:
    make_videos(settings)
    other = ResultLibrary(settings)
    for _ in range(12):
        assert len(library.find(ResultQuery()).results) == len(NAMES)
        done = at_once(lambda: library.delete("task-0"), lambda: other.delete("task-0"))
        assert done == {"done": 1, "404": 1}
        assert [entry.result.id for entry in library.trash.entries()] == ["task-0"]
        library.undo("task-0")
    other.close()


def test_a_trash_that_is_emptied_meanwhile_takes_no_result_that_was_brought_back(
    settings: Settings, library: ResultLibrary
) -> None:
    make_videos(settings)
    saved = {path.name: path.read_bytes() for path in settings.outputs_dir.iterdir()}
    for _ in range(12):
        library.delete("task-0")
        done = at_once(lambda: library.undo("task-0"), library.trash.empty, library.refresh)
        there = "task-0" in {result.id for result in library.find(ResultQuery()).results}
        assert there == (done["404"] == 0)
        assert not library.trash.entries()
        for name, content in saved.items():
            (settings.outputs_dir / name).write_bytes(content)


def test_threads_lose_nothing(settings: Settings, library: ResultLibrary) -> None:
    make_videos(settings)
    done = traffic(library, NAMES, rounds=60, seed=1)
    assert done["delete"] and done["undo"] and done["delete refused"]
    assert_all_are_somewhere(library)


def test_programs_lose_nothing(settings: Settings, tmp_path: Path, library: ResultLibrary) -> None:
    make_videos(settings)
    programs = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.crash.result_traffic",
                str(tmp_path),
                ",".join(NAMES),
                "40",
                str(seed),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for seed in (1, 2)
    ]
    for program in programs:
        words, problem = program.communicate()
        assert program.returncode == 0 and b"delete" in words, problem
    assert_all_are_somewhere(library)


def test_what_lies_in_the_trash_without_a_row_is_listed_and_comes_back(
    settings: Settings, library: ResultLibrary
) -> None:
    make_videos(settings)
    below = write_video(settings.outputs_dir / "day", "task-9", metadata(id="task-9", seed=9))
    for name in ("task-0", "task-9"):
        library.delete(name)
    library.close()
    for path in settings.data_dir.glob("results.*"):
        path.unlink()
    again = ResultLibrary(settings)
    assert {result.id for result in again.find(ResultQuery()).results} == {"task-1", "task-2"}
    assert {entry.result.id for entry in again.trash.entries()} == {"task-0", "task-9"}
    assert again.video(again.undo("task-9")) == below
    assert again.undo("task-0").seed == 0
    again.close()


def test_a_stray_whose_id_is_taken_becomes_a_result_of_its_own(
    settings: Settings, library: ResultLibrary
) -> None:
    make_videos(settings)
    assert len(library.find(ResultQuery()).results) == len(NAMES)
    stray = settings.outputs_dir / ".trash" / "task-0" / "old.mp4"
    stray.parent.mkdir(parents=True)
    shutil.copy2(settings.outputs_dir / "task-1.mp4", stray)
    entry = library.trash.entries()[0]
    assert entry.result.id != "task-0" and entry.result.seed == 1
    library.delete("task-0")
    assert len(library.trash.entries()) == 2
    assert library.video(library.undo(entry.result.id)).name == "old.mp4"
    assert library.video(library.undo("task-0")).name == "task-0.mp4"


def test_emptying_the_trash_takes_no_video_that_it_did_not_list(
    settings: Settings, library: ResultLibrary
) -> None:
    make_videos(settings)
    library.delete("task-0")
    stray = settings.outputs_dir / ".trash" / "stray" / "old.mp4"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(video_bytes())
    assert library.trash.empty() == 1
    assert stray.is_file() and len(library.trash.entries()) == 1


def test_a_folder_of_a_deletion_that_a_kill_left_half_moved(
    settings: Settings, library: ResultLibrary
) -> None:
    """The video had moved; its JSON and poster had not, and the index knew nothing of it."""
    make_videos(settings)
    assert len(library.find(ResultQuery()).results) == len(NAMES)
    place = settings.outputs_dir / ".trash" / "task-0"
    place.mkdir(parents=True)
    (settings.outputs_dir / "task-0.mp4").rename(place / "task-0.mp4")
    library.refresh()
    assert_all_are_somewhere(library)


def test_a_trash_that_is_a_link_is_used_and_nothing_there_is_taken_in(
    settings: Settings, library: ResultLibrary, tmp_path: Path
) -> None:
    make_videos(settings)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "mine").mkdir(parents=True)
    (elsewhere / "mine" / "holiday.mp4").write_bytes(video_bytes())
    (settings.outputs_dir / ".trash").symlink_to(elsewhere)
    library.delete("task-0")
    library.refresh()
    assert [entry.result.id for entry in library.trash.entries()] == ["task-0"]
    library.undo("task-0")
    library.delete("task-1")
    assert library.trash.empty() == 1
    assert [path.name for path in elsewhere.rglob("*.mp4")] == ["holiday.mp4"]
