"""What is in the trash of the results: listed, limited by age and size, deleted for good."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from result_files import metadata, write_video

from backend.results.library import ResultLibrary
from backend.results.query import ResultQuery
from backend.settings import Settings, load_settings

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


def discard(library: ResultLibrary, name: str, padding: int = 0) -> None:
    video = write_video(library.root, name, metadata(id=name, prompt=f"about {name}"))
    if padding:
        with video.open("ab") as file:  # a box of its own, which players skip
            file.write(padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    library.delete(name)


def names(library: ResultLibrary) -> list[str]:
    return [entry.result.id for entry in library.trash.entries()]


def age(library: ResultLibrary, name: str, days: float) -> None:
    library._mark(name, time.time() - days * 86_400)


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
        discard(library, name, padding=400_000)
        age(library, name, days)
    assert names(library) == ["young", "middle"], "of three, the first was over the size"
    discard(library, "now", padding=400_000)
    assert names(library) == ["now", "young"]
    discard(library, "huge", padding=2_000_000)
    assert names(library) == ["huge"], "the newest stays, so that it can be undone"
    library.undo("huge")


def test_what_is_too_old_goes_at_the_next_deletion_too(open_library: Open) -> None:
    library = open_library(trash_days=10.0)
    discard(library, "old")
    age(library, "old", 11)
    stray = library.root / ".trash" / "stray"
    stray.mkdir()
    os.utime(stray, (time.time() - 11 * 86_400,) * 2)
    discard(library, "new")
    assert names(library) == ["new"] and not stray.exists()


def test_without_limits_everything_stays(open_library: Open) -> None:
    library = open_library(trash_days=0.0, trash_mb=0.0)
    discard(library, "old")
    age(library, "old", 5000)
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
