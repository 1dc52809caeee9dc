"""The library's folder is emptied, removed or replaced while the app runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loras.files import write_lora
from tests.support.machine.moved_clock import LaterClock
from wan_lora_studio.errors import StudioError
from wan_lora_studio.lora.index.library_index import LibraryIndex
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import ExtraFolder, Settings


@pytest.fixture
def two(library: LoRALibrary, root: Path) -> LoRALibrary:
    write_lora(root / "a.safetensors")
    write_lora(root / "sub" / "b.safetensors", seed=1)
    library.refresh()
    library.edit_lora_metadata("a", {"title": "Mine"})
    library.finish_refresh(60)
    return library


def empty(root: Path) -> None:
    for path in root.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def look(library: LoRALibrary, clock: LaterClock) -> set[str]:
    """As a page does that asks some time later."""
    clock.pass_time()
    library.get_ui_display_data()
    clock.pass_time()
    return {name for name, each in library.list_available_loras().items() if each["status"] == "ok"}


def texts(library: LoRALibrary) -> list[str]:
    notes = library.get_ui_display_data()["notes"]
    assert all(note["suggestions"] for note in notes)
    return [note["text"] for note in notes]


def use(library: LoRALibrary) -> None:
    """Everything that a page asks for; nothing may fail."""
    library.get_ui_display_data()
    library.list_available_loras()
    library.find_loras("a")
    library.recent(5)
    library.list_trash()
    library.list_folders()
    library.find_duplicates()
    library.begin_refresh()
    assert library.finish_refresh(60)
    assert library.revision >= 0
    library.record_use({"a": 1.0})


def test_an_emptied_folder_says_so_and_takes_new_files(
    clock: LaterClock, two: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    empty(root)
    assert look(two, clock) == set()
    use(two)
    assert [text for text in texts(two) if "was emptied or replaced" in text]
    source = write_lora(tmp_path / "source.safetensors", seed=5)
    assert LoRAUploadHandler(two.settings, two).process_upload(source, "new.safetensors")
    assert look(two, clock) == {"new"}
    assert texts(two) == []
    two.delete_lora_file("new")
    two.undo_delete("new")
    write_lora(root / "a.safetensors")
    assert look(two, clock) == {"a", "new"}
    assert set(LoRALibrary(two.settings).list_available_loras()) == {"a", "new"}


def test_the_first_thing_after_emptying_may_be_any(
    clock: LaterClock, library: LoRALibrary, settings: Settings, root: Path
) -> None:
    acts: list[Callable[[LoRALibrary], object]] = [
        lambda each: each.get_ui_display_data(), lambda each: each.list_available_loras(),
        lambda each: each.find_loras("x"), lambda each: each.refresh(),
        lambda each: each.create_folder("new"), lambda each: each.recent(3),
        lambda each: each.empty_trash(), lambda each: each.revision,
        lambda each: each.record_use({"a": 1.0}), lambda each: each.begin_refresh(),
    ]  # fmt: skip
    for act in acts:
        write_lora(root / "a.safetensors")
        library.refresh()
        library.finish_refresh(60)
        empty(root)
        act(library)
        assert look(library, clock) == set()


def test_a_catalogue_that_is_removed_is_made_again_with_what_is_there(
    clock: LaterClock, two: LoRALibrary, root: Path
) -> None:
    for path in root.glob(".catalog*"):
        path.unlink()
    assert look(two, clock) == {"a", "b"}
    assert texts(two) == []
    assert set(Catalog(root).files()) == {"a.safetensors", "sub/b.safetensors"}
    known = LibraryIndex(two.settings, Catalog(root))
    known.load()  # without a look at the folder
    assert known.files.keys() == {"a.safetensors", "sub/b.safetensors"}


def test_a_folder_that_is_away_says_so_and_comes_back(
    clock: LaterClock, two: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    away = root.rename(root.with_name("away"))
    assert look(two, clock) == set()
    assert {each["status"] for each in two.list_available_loras().values()} == {"missing"}
    assert texts(two) == [f"The LoRA folder {root} is not there."]
    for change in (
        lambda: two.delete_lora_file("a"),
        lambda: two.create_folder("x"),
        lambda: two.upload_lora_file(away / "a.safetensors", "c.safetensors"),
        lambda: two.edit_lora_metadata("a", {"title": "x"}),
    ):
        with pytest.raises(StudioError) as caught:
            change()
        assert "is not there" in caught.value.message
        assert caught.value.suggestions
    assert not root.exists()
    away.rename(root)
    assert look(two, clock) == {"a", "b"}
    assert texts(two) == []
    assert two.record("a")["title"] == "Mine"


def test_another_folder_in_its_place_is_taken(
    clock: LaterClock, two: LoRALibrary, root: Path
) -> None:
    away = root.rename(root.with_name("away"))
    write_lora(root / "other.safetensors", seed=7)
    assert look(two, clock) == {"other"}
    two.rename_lora_file("other", "renamed")
    assert look(two, clock) == {"renamed"}
    shutil.rmtree(root)
    away.rename(root)
    assert look(two, clock) == {"a", "b"}
    assert two.record("a")["title"] == "Mine"


def test_an_extra_folder_that_is_not_there_is_named(
    clock: LaterClock, settings: Settings, tmp_path: Path
) -> None:
    folders = (ExtraFolder(path=tmp_path / "none"),)
    library = LoRALibrary(settings.model_copy(update={"extra_lora_dirs": folders}), clock)
    assert texts(library) == [f"{tmp_path / 'none'} cannot be read at the moment."]
    write_lora(tmp_path / "none" / "a.safetensors")
    assert look(library, clock) == {"a"}
    assert texts(library) == []
