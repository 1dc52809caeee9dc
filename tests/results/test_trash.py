"""What is in the trash of the results: listed, limited by age and size, deleted for good."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.machine.moved_clock import DAY, clock_moved
from tests.support.result_files import metadata, write_video
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.database import RESULTS
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.results.query import ResultQuery
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.sqlite_file import CountedFile, Schema

Open = Callable[..., ResultLibrary]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(outputs_dir=tmp_path / "outputs", data_dir=tmp_path / "data")


@pytest.fixture
def open_library(settings: Settings) -> Iterator[Open]:
    made: list[ResultLibrary] = []

    def open_one(**changes: Any) -> ResultLibrary:
        made.append(ResultLibrary(settings.model_copy(update=changes)))
        return made[-1]

    yield open_one
    for library in made:
        library.close()


def discard(library: ResultLibrary, name: str, padding: int = 0, *, days_ago: float = 0) -> None:
    video = write_video(library.root, name, metadata(id=name, prompt=f"about {name}"))
    if padding:
        with video.open("ab") as file:  # a box of its own, which players skip
            file.write(padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    with clock_moved(-days_ago * DAY):
        library.delete(name)


def files_of(library: ResultLibrary) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in library.root.iterdir() if path.is_file()}


def names(library: ResultLibrary) -> list[str]:
    return [entry.result.id for entry in library.trash.entries()]


def test_the_latest_deletion_comes_first_with_its_size(open_library: Open) -> None:
    library = open_library()
    assert library.trash.entries() == []
    for name in ("one", "two"):
        discard(library, name)
    assert names(library) == ["two", "one"]
    entry = library.trash.entries()[1]
    place = library.root / ".trash" / "one"
    assert entry.size == sum(path.stat().st_size for path in place.iterdir()) > 0
    assert entry.result.prompt == "about one"
    assert abs(entry.deleted - time.time()) < 60
    assert library.trash.poster("one") == place / "one.jpg"
    library.undo("one")
    assert names(library) == ["two"]
    assert library.trash.poster("one") is None


def test_one_or_all_are_deleted_for_good(open_library: Open) -> None:
    library = open_library()
    for name in ("one", "two", "three"):
        discard(library, name)
    stray = library.root / ".trash" / "of-a-lost-index"
    stray.mkdir()
    assert library.trash.remove("two") and not library.trash.remove("two")
    assert names(library) == ["three", "one"] and stray.is_dir()
    assert library.trash.empty() == 2
    assert names(library) == [] and not list((library.root / ".trash").iterdir())
    assert library.trash.empty() == 0


def test_what_is_not_deleted_cannot_be_removed(open_library: Open) -> None:
    library = open_library()
    video = write_video(library.root, "kept", metadata(id="kept"))
    assert library.get("kept")
    assert not library.trash.remove("kept") and library.trash.empty() == 0
    assert video.is_file() and library.get("kept")


def test_what_is_over_the_size_goes_the_oldest_first(open_library: Open) -> None:
    library = open_library(trash_mb=1.0)
    for days, name in ((3, "old"), (2, "middle"), (1, "young")):
        discard(library, name, padding=400_000, days_ago=days)
    assert names(library) == ["young", "middle"], "of three, the first was over the size"
    discard(library, "now", padding=400_000)
    assert names(library) == ["now", "young"]
    discard(library, "huge", padding=2_000_000)
    assert names(library) == ["huge"], "the newest stays, so that it can be undone"
    library.undo("huge")


def test_what_is_too_old_goes_at_the_next_deletion_too(open_library: Open) -> None:
    library = open_library(trash_days=10.0)
    discard(library, "old", days_ago=11)
    stray = library.root / ".trash" / "stray"
    stray.mkdir()
    os.utime(stray, (time.time() - 11 * DAY,) * 2)
    discard(library, "new")
    assert names(library) == ["new"] and not stray.exists()


def test_without_limits_everything_stays(open_library: Open) -> None:
    library = open_library(trash_days=0.0, trash_mb=0.0)
    discard(library, "old", days_ago=5000)
    discard(library, "new")
    assert names(library) == ["new", "old"]


def test_an_expiry_that_drops_nothing_is_no_change(open_library: Open) -> None:
    """Pages would draw their list again and again."""
    library = open_library()
    write_video(library.root, "one", metadata(id="one"))
    library.find(ResultQuery())
    before = library.revision()
    library.trash.expire()
    assert library.revision() == before


def test_pictures_of_results_are_known_also_in_the_trash(open_library: Open) -> None:
    library = open_library()
    for name, sha256 in (("one", "a" * 64), ("two", "b" * 64), ("three", "no hash")):
        data = {**metadata(id=name), "picture": {"name": "p.png", "sha256": sha256}}
        write_video(library.root, name, data)
    assert library.pictures() == {"a" * 64, "b" * 64}
    library.delete("one")
    assert library.pictures() == {"a" * 64, "b" * 64}
    library.trash.empty()
    assert library.pictures() == {"b" * 64}


@pytest.mark.parametrize("same_task", [True, False])
def test_a_new_video_in_its_place_leaves_the_deleted_one_in_the_trash(
    open_library: Open, same_task: bool
) -> None:
    library = open_library()
    write_video(library.root, "circle", metadata(id="one", prompt="the first"))
    library.set_favourite("one", True)
    before = files_of(library)
    library.delete("one")
    write_video(library.root, "circle", metadata(id="one" if same_task else "two", prompt="new"))
    for look in (library.refresh, library.refresh):
        look()
        found = library.find(ResultQuery()).results
        assert [(each.path, each.prompt) for each in found] == [("circle.mp4", "new")]
        assert names(library) == ["one"]
    new = files_of(library)
    back = library.undo("one")
    assert (back.id, back.path, back.prompt, back.favourite) == (
        "one",
        "circle-2.mp4",
        "the first",
        True,
    )
    assert new.items() <= files_of(library).items(), "nothing is overwritten"
    assert before["circle.mp4"] == library.video(back).read_bytes()
    assert library.find(ResultQuery()).total == 2 and names(library) == []
    assert not list((library.root / ".trash").iterdir())


def test_the_same_file_put_back_by_hand_is_a_result_of_its_own(open_library: Open) -> None:
    """It looks like a deletion that was cut off, but the trash has the deleted one."""
    library = open_library()
    video = write_video(library.root, "circle", metadata(id="one"))
    saved = library.root.with_name("saved.mp4")
    shutil.copy2(video, saved)
    with clock_moved(-DAY):
        library.delete("one")
    shutil.copy2(saved, video)
    library.refresh()
    assert library.find(ResultQuery()).total == 1 and names(library) == ["one"]
    library.delete(library.find(ResultQuery()).results[0].id)
    assert len(names(library)) == 2, "both of the same path"
    for name in names(library):
        library.undo(name)
    paths = {result.path for result in library.find(ResultQuery()).results}
    assert paths == {"circle.mp4", "circle-2.mp4"}


def test_a_trashed_video_whose_place_is_taken_and_whose_files_are_gone(open_library: Open) -> None:
    library = open_library()
    write_video(library.root, "circle", metadata(id="one"))
    library.delete("one")
    shutil.rmtree(library.root / ".trash" / "one")
    write_video(library.root, "circle", metadata(id="two"))
    library.refresh()
    with pytest.raises(GenerationError, match="trash"):
        library.undo("one")
    assert [result.id for result in library.find(ResultQuery()).results] == ["two"]


def test_an_index_of_an_older_version_keeps_its_trash_and_favourites(
    settings: Settings, open_library: Open
) -> None:
    library = open_library()
    for name in ("live", "gone"):
        reports = {"neon": {"sha256": "a" * 64}}
        data = metadata(reports, id=name, selected_loras={"neon": 1.0})
        write_video(library.root, name, data)
        library.set_favourite(name, True)
    library.delete("gone")
    library.close()
    older = Schema(RESULTS.called, RESULTS.steps[:3], RESULTS.if_damaged)
    current = settings.data_dir / "results.sqlite"
    rows = {}
    with closing(sqlite3.connect(current)) as connection:
        connection.row_factory = sqlite3.Row
        for table in ("results", "used_loras", "used_files"):
            rows[table] = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
    for path in settings.data_dir.glob("results.*"):
        path.unlink()
    database = CountedFile(current, older)
    with database.writing() as connection:
        for table, found in rows.items():
            for row in found:
                marks = ", ".join("?" * len(row))
                query = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"
                connection.execute(query, tuple(row.values()))
    database.close()
    again = open_library()
    assert [(r.id, r.favourite) for r in again.find(ResultQuery(lora="neon")).results] == [
        ("live", True)
    ]
    assert names(again) == ["gone"]
    write_video(again.root, "gone", metadata(id="new"))
    assert again.undo("gone").favourite
    found = again.find(ResultQuery(lora="x", sha256s=("a" * 64,))).results
    assert {(result.id, result.favourite) for result in found} == {("live", True), ("gone", True)}
