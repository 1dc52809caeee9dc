"""The results of a folder: found, paged, marked, deleted, brought back. Real videos and SQLite."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.machine.moved_clock import DAY, clock_moved
from tests.support.result_files import WANGP, metadata, video_bytes, write_video
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.results.query import ResultQuery
from wan_lora_studio.settings import Settings, load_settings

EVERYTHING = ResultQuery()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(outputs_dir=tmp_path / "outputs", data_dir=tmp_path / "data")


@pytest.fixture
def library(settings: Settings) -> Iterator[ResultLibrary]:
    library = ResultLibrary(settings)
    yield library
    library.close()


def add(library: ResultLibrary, name: str, at: float | None = None, **changes: Any) -> Path:
    chosen = changes.get("selected_loras", {})
    reports = {lora: {"sha256": "a" * 64} for lora in chosen}
    video = write_video(library.root, name, metadata(reports, id=name, **changes))
    if at is not None:
        os.utime(video, (at, at))
    return video


def ids(library: ResultLibrary, **query: Any) -> list[str]:
    return [result.id for result in library.find(ResultQuery(**query)).results]


def test_no_folder_means_no_results(library: ResultLibrary) -> None:
    assert library.find(EVERYTHING).total == 0


def test_the_first_video_is_seen_although_there_was_no_folder(library: ResultLibrary) -> None:
    assert library.find(EVERYTHING).total == 0
    add(library, "first")
    assert ids(library) == ["first"]


def test_a_video_is_there_as_soon_as_it_is_written(library: ResultLibrary) -> None:
    for number in range(5):
        add(library, f"task-{number}", seed=number)
        assert len(ids(library)) == number + 1
    found = library.get("task-3")
    assert (found.seed, found.frames, found.width, found.height, found.fps) == (3, 5, 32, 32, 8)
    assert library.facts(found).task["seed"] == 3


def test_partial_and_foreign_files_are_never_shown(library: ResultLibrary) -> None:
    library.root.mkdir()
    whole = video_bytes()
    (library.root / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (library.root / ".hidden.mp4").write_bytes(whole)
    (library.root / "text.mp4").write_text("no video")
    (library.root / "empty.mp4").touch()
    (library.root / "link.mp4").symlink_to(library.root / ".hidden.mp4")
    (library.root / "other.mov").write_bytes(whole)
    os.mkfifo(library.root / "pipe.mp4")
    assert library.find(EVERYTHING).total == 0


def test_a_video_appears_once_it_is_whole(library: ResultLibrary) -> None:
    """Written in place, which its folder's time of change does not tell."""
    library.root.mkdir()
    whole = video_bytes()
    place = library.root / "slow.mp4"
    with place.open("wb") as file:
        for start in range(0, len(whole), len(whole) // 7):
            assert library.find(EVERYTHING).total == 0
            file.write(whole[start : start + len(whole) // 7])
            file.flush()
    assert library.find(EVERYTHING).total == 1


def test_the_newest_come_first_and_pages_follow_one_another(library: ResultLibrary) -> None:
    for number in range(11):
        add(library, f"t{number:02}", at=1000.0 + number // 2)
    first = library.find(EVERYTHING, limit=4)
    add(library, "late")
    seen = [result.id for result in first.results]
    cursor = first.next
    while cursor:
        page = library.find(EVERYTHING, cursor, 4)
        seen += [result.id for result in page.results]
        cursor = page.next
    assert sorted(seen) == [f"t{number:02}" for number in range(11)]
    assert seen[:2] == ["t10", "t09"]
    assert library.find(EVERYTHING).total == 12
    with pytest.raises(GenerationError):
        library.find(EVERYTHING, "1; DROP TABLE results")


def test_search_and_filters(library: ResultLibrary) -> None:
    add(library, "one", at=100, prompt="Ein GRÜNER Fuchs", selected_loras={"neon": 1.0})
    add(library, "two", at=200, prompt="a 100% red circle", selected_loras={"gold": 0.5, "neon": 1})
    add(library, "three", at=300, prompt="a fox", seed=987)
    write_video(library.root, "four", WANGP)
    os.utime(library.root / "four.mp4", (400, 400))
    assert ids(library, text="grüner FUCHS") == ["one"]
    assert ids(library, text="neon circle") == ["two"]
    assert ids(library, text="100%") == ["two"]
    assert ids(library, text="%") == ["two"]
    assert ids(library, text="987") == ["three"]
    assert ids(library, text="' OR 1=1 --") == []
    assert ids(library, lora="neon") == ["two", "one"]
    assert ids(library, lora="neo") == []
    assert ids(library, model="demo") == ["three", "two", "one"]
    assert ids(library, since=200, until=300) == ["two"]
    assert library.names() == {
        "models": ["demo", "t2v-A14B"],
        "loras": ["neon", "gold", "style_HIGH", "style_LOW"],
    }


def test_favourites_stay_through_moves_and_restarts(
    library: ResultLibrary, settings: Settings
) -> None:
    add(library, "one")
    add(library, "two")
    assert library.set_favourite("one", True).favourite
    assert ids(library, favourite=True) == ["one"]
    (library.root / "best").mkdir()
    for path in library.root.glob("one.*"):
        path.rename(library.root / "best" / path.name)
    assert library.find(ResultQuery(favourite=True)).results[0].path == "best/one.mp4"
    other = ResultLibrary(settings)
    assert ids(other, favourite=True) == ["one"]
    assert ids(other, favourite=False) == ["two"]
    other.close()


@pytest.mark.parametrize("kept", [".", "best"])
def test_favourites_outlast_a_folder_that_is_out_of_reach(
    library: ResultLibrary, kept: str
) -> None:
    """A disk that was not mounted leaves an empty folder, or a folder less."""
    place = library.root / kept
    write_video(place, "one", metadata(id="one"))
    write_video(place, "wangp", WANGP)
    write_video(library.root / "other", "two", metadata(id="two"))
    marked = {result.id for result in library.find(EVERYTHING).results} - {"two"}
    for result_id in marked:
        library.set_favourite(result_id, True)
    away = library.root.with_name("away")
    place.rename(away)
    place.mkdir()
    library.refresh()
    assert ids(library, favourite=True) == []
    place.rmdir()
    away.rename(place)
    assert set(ids(library, favourite=True)) == marked
    assert library.find(EVERYTHING).total == 3


def test_another_outputs_folder_for_once_forgets_nothing(
    library: ResultLibrary, settings: Settings, tmp_path: Path
) -> None:
    add(library, "one")
    add(library, "two")
    library.set_favourite("one", True)
    library.delete("two")
    other = ResultLibrary(settings.model_copy(update={"outputs_dir": tmp_path / "elsewhere"}))
    add(other, "three")
    assert ids(other) == ["three"]
    other.close()
    again = ResultLibrary(settings)
    assert ids(again, favourite=True) == ["one"]
    assert again.undo("two").id == "two"
    again.close()


def test_a_folder_that_is_not_there_is_told_and_its_results_are_kept(
    library: ResultLibrary,
) -> None:
    add(library, "one")
    os.utime(library.root, (1000, 1000))  # a folder that comes back is as it was
    library.set_favourite("one", True)
    before = library.revision()
    away = library.root.with_name("away")
    library.root.rename(away)
    for question in (
        lambda: library.find(EVERYTHING),
        library.revision,
        lambda: library.get("one"),
    ):
        with pytest.raises(GenerationError, match="outputs folder is not there") as caught:
            question()
        assert caught.value.suggestions
    away.rename(library.root)
    assert ids(library, favourite=True) == ["one"]
    assert library.revision() == before, "nothing was taken out and read again"


def test_a_mark_is_taken_off_all_copies(library: ResultLibrary) -> None:
    video = add(library, "one")
    library.set_favourite("one", True)
    shutil.copy(video, library.root / "copy.mp4")
    assert len(ids(library, favourite=True)) == 2
    library.set_favourite("one", False)
    assert ids(library, favourite=True) == []
    video.rename(library.root / "again.mp4")
    library.refresh()
    assert ids(library, favourite=True) == []


def test_a_favourite_without_a_task_stays_one_under_another_name(
    library: ResultLibrary, settings: Settings
) -> None:
    video = write_video(library.root, "wangp", WANGP)
    found = library.find(EVERYTHING).results[0]
    library.set_favourite(found.id, True)
    library.delete(found.id)
    video.with_suffix(".jpg").write_bytes(b"another one")
    back = library.undo(found.id)
    assert (back.path, back.favourite) == ("wangp-2.mp4", True)
    os.utime(library.video(back))  # so that it is read again
    library.refresh()
    assert [r.path for r in library.find(ResultQuery(favourite=True)).results] == ["wangp-2.mp4"]


def test_a_file_that_goes_during_the_look_takes_nothing_along(library: ResultLibrary) -> None:
    add(library, "one")
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            for number in range(40):
                (library.root / f"passing-{number}.mp4").touch()
            for number in range(40):
                (library.root / f"passing-{number}.mp4").unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(300):
            library.refresh()
            assert library.find(EVERYTHING).total == 1
    finally:
        stop.set()
        thread.join()


def test_copies_get_ids_of_their_own(library: ResultLibrary) -> None:
    video = add(library, "one")
    shutil.copy(video, library.root / "copy.mp4")
    found = library.find(EVERYTHING).results
    assert len({result.id for result in found}) == 2
    assert library.get("one").path == "one.mp4"


def test_a_deleted_video_comes_back_with_all_its_files(library: ResultLibrary) -> None:
    video = add(library, "one")
    add(library, "two")
    library.set_favourite("one", True)
    before = {path.name: path.read_bytes() for path in library.root.glob("one.*")}
    library.delete("one")
    assert ids(library) == ["two"]
    assert not list(library.root.glob("one.*"))
    with pytest.raises(GenerationError):
        library.get("one")
    back = library.undo("one")
    assert back.favourite and library.video(back) == video
    assert {path.name: path.read_bytes() for path in library.root.glob("one.*")} == before
    with pytest.raises(GenerationError):
        library.undo("one")


def test_bringing_back_overwrites_nothing(library: ResultLibrary) -> None:
    video = add(library, "one")
    library.delete("one")
    video.with_suffix(".json").write_text("somebody else's")
    back = library.undo("one")
    assert back.path == "one-2.mp4"
    assert video.with_suffix(".json").read_text() == "somebody else's"
    assert library.video(back).with_suffix(".json").is_file()


def test_a_deletion_that_moved_nothing_is_none(library: ResultLibrary, settings: Settings) -> None:
    """Older versions wrote the mark before the files moved."""
    add(library, "one")
    add(library, "two")
    assert len(ids(library)) == 2
    with closing(sqlite3.connect(settings.data_dir / "results.sqlite")) as db, db:
        db.execute("UPDATE results SET deleted = 1e9 WHERE id = 'one'")
    library.refresh()
    assert len(ids(library)) == 2 and library.trash.entries() == []
    with pytest.raises(GenerationError):
        library.undo("one")


def test_the_trash_is_emptied_after_its_days(library: ResultLibrary, settings: Settings) -> None:
    add(library, "one")
    with clock_moved(-(settings.trash_days + 1) * DAY):
        library.delete("one")
    library.close()
    later = ResultLibrary(settings)
    assert later.find(EVERYTHING).total == 0
    assert not list((later.root / ".trash").iterdir())
    later.close()


def test_posters_beside_the_video_or_made_from_it(library: ResultLibrary) -> None:
    video = add(library, "one")
    assert library.poster(library.get("one")) == video.with_suffix(".jpg")
    video.with_suffix(".jpg").unlink()
    made = library.poster(library.get("one"))
    assert made.read_bytes().startswith(b"\xff\xd8")
    assert library.poster(library.get("one")) == made


def test_a_video_that_cannot_be_decoded_is_told(library: ResultLibrary) -> None:
    data = bytearray(video_bytes())
    start = data.index(b"stsd")
    data[start : start + 4] = b"junk"
    library.root.mkdir()
    (library.root / "odd.mp4").write_bytes(data)
    result = library.find(EVERYTHING).results[0]
    with pytest.raises(GenerationError, match="decoded"):
        library.last_frame(result)


def test_thousands_are_found_without_reading_them_again(
    library: ResultLibrary, settings: Settings
) -> None:
    library.root.mkdir()
    whole = video_bytes()
    videos = [library.root / f"{number:05}.mp4" for number in range(3000)]
    for video in videos:
        video.write_bytes(whole)
    assert library.find(EVERYTHING).total == 3000
    library.close()
    for video in videos:  # what is read again is no video
        stat = video.stat()
        video.write_bytes(bytes(len(whole)))
        os.utime(video, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = ResultLibrary(settings)
    assert again.find(EVERYTHING).total == 3000
    assert again.find(ResultQuery(text="red circle")).total == 3000
    again.close()


def test_a_library_within_the_outputs_folder_is_left_aside(
    settings: Settings, tmp_path: Path
) -> None:
    loras = settings.outputs_dir / "loras"
    library = ResultLibrary(settings.model_copy(update={"loras_dir": loras}))
    add(library, "one")
    write_video(loras, "preview", metadata(id="two"))
    assert ids(library) == ["one"]
    library.close()
