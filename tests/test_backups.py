"""Copies of the app's own files, what was set aside, and bringing a copy back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.loras.files import write_lora
from wan_lora_studio.backups import KEPT, Copies, kept_files
from wan_lora_studio.documents import Documents
from wan_lora_studio.errors import StorageError
from wan_lora_studio.jobs.store.arranging import ArrangedStore
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.task import GenerationTask


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        loras_dir=tmp_path / "loras", outputs_dir=tmp_path / "outputs", data_dir=tmp_path / "data"
    )


def fill(settings: Settings) -> None:
    """What an app leaves: a run, a set, a selection, a title, and an index."""
    settings.loras_dir.mkdir()
    write_lora(settings.loras_dir / "a.safetensors")
    library = LoRALibrary(settings)
    library.refresh()
    library.set_role("a", "high")
    store = ArrangedStore(settings.data_dir / "jobs.sqlite")
    store.add(GenerationTask(id="1" * 32, model_type="demo", prompt="a fox"))
    store.close()
    for name in ("sets", "sessions"):
        documents = Documents(settings.data_dir / f"{name}.sqlite")
        documents.put("mine", [1])
        documents.close()
    ResultLibrary(settings).close()


def damage(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}-*"):
        each.unlink()
    path.write_bytes(b"no database " * 900)


def test_a_copy_of_each_file_once_a_day_and_the_last_few_are_kept(settings: Settings) -> None:
    fill(settings)
    copies = Copies(settings)
    copies.make()
    made = copies.all()
    assert {copy.file.name for copy in made} == {file.name for file in kept_files(settings)}
    times = {copy.path: copy.path.stat().st_mtime_ns for copy in made}
    copies.make()
    assert {copy.path: copy.path.stat().st_mtime_ns for copy in copies.all()} == times
    newest = made[0].path
    for days in range(1, 10):
        day = date.today() - timedelta(days=days)
        newest.with_name(f"sets-{day.isoformat()}.sqlite").write_bytes(newest.read_bytes())
    (newest.parent / "sets-2026-99-99.sqlite").touch()
    (newest.parent / "of-somebody-else.sqlite").touch()
    copies.make()
    sets = [copy for copy in copies.all() if copy.file.name == "sets"]
    assert len(sets) == KEPT and sets[0].day == date.today()
    assert (newest.parent / "of-somebody-else.sqlite").exists()


def test_a_damaged_file_replaces_no_copy_and_holds_up_no_other(settings: Settings) -> None:
    fill(settings)
    damage(settings.data_dir / "jobs.sqlite")
    copies = Copies(settings)
    with pytest.raises(StorageError, match=r"jobs\.sqlite"):
        copies.make()
    assert {copy.file.name for copy in copies.all()} == {
        "results",
        "sets",
        "selections",
        "library",
    }
    assert not list((settings.data_dir / "copies").glob("*.part"))


def test_each_file_comes_back_from_its_copy(settings: Settings) -> None:
    fill(settings)
    copies = Copies(settings)
    copies.make()
    for file in kept_files(settings):
        damage(file.path)
        _, was = copies.restore(file.name)
        assert was is not None and was.read_bytes().startswith(b"no database"), "it is kept"
        assert not file.path.with_name(f"{file.path.name}.part").exists()
    store = ArrangedStore(settings.data_dir / "jobs.sqlite")
    assert [job.task.prompt for job in store.newest()] == ["a fox"]
    assert store.paused, "what waited then is not begun unasked"
    for name in ("sets", "sessions"):
        assert Documents(settings.data_dir / f"{name}.sqlite").get("mine") == [1]
    assert LoRALibrary(settings).record("a")["expert"] == "high"


def test_two_restores_of_one_second_keep_both_that_were_there(settings: Settings) -> None:
    fill(settings)
    copies = Copies(settings)
    copies.make()
    kept = {copies.restore("sets")[1] for _ in range(3)}
    assert len(kept) == 3 and all(path is not None and path.exists() for path in kept)


def test_a_copy_of_a_day_and_one_that_is_not_there(settings: Settings) -> None:
    fill(settings)
    with pytest.raises(StorageError, match="no copy of 'sets'"):
        Copies(settings).restore("sets")
    Copies(settings).make()
    documents = Documents(settings.data_dir / "sets.sqlite")
    documents.put("later", 1)
    documents.close()
    with pytest.raises(StorageError) as told:
        Copies(settings).restore("sets", date(2020, 1, 1))
    assert date.today().isoformat() in told.value.suggestions[0]
    Copies(settings).restore("sets", date.today())
    assert list(Documents(settings.data_dir / "sets.sqlite").all()) == ["mine"]


def test_what_was_set_aside_is_said_with_the_copy_there_is(settings: Settings) -> None:
    fill(settings)
    copies = Copies(settings)
    assert copies.notices() == []
    copies.make()
    damage(settings.data_dir / "sets.sqlite")
    damage(settings.loras_dir / ".catalog.sqlite")
    Documents(settings.data_dir / "sets.sqlite").close()
    Catalog(settings.loras_dir)
    notices = Copies(settings).notices()
    assert len(notices) == 2
    said = "\n".join(notices)
    for words in ("LoRA sets was damaged", "python app.py restore sets", "restore library"):
        assert words in said
    for _, aside in copies.set_aside():
        aside.path.unlink()
    assert Copies(settings).notices() == []


def test_a_running_file_is_copied_whole(settings: Settings) -> None:
    store = ArrangedStore(settings.data_dir / "jobs.sqlite")
    for number in range(20):
        store.add(GenerationTask(id=f"{number:032}", model_type="demo", prompt="x"))
    Copies(settings).make()
    copy = Copies(settings).all()[0]
    with closing(sqlite3.connect(copy.path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM jobs").fetchone() == (20,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


def test_a_change_that_was_under_way_is_not_taken_back_later(settings: Settings) -> None:
    fill(settings)
    with closing(sqlite3.connect(settings.loras_dir / ".catalog.sqlite")) as db, db:
        db.execute("INSERT INTO intents (moves, folders) VALUES ('[[\"x\", \"y\"]]', '[]')")
    Copies(settings).make()
    Copies(settings).restore("library")
    with closing(sqlite3.connect(settings.loras_dir / ".catalog.sqlite")) as db:
        assert db.execute("SELECT * FROM intents").fetchall() == []
