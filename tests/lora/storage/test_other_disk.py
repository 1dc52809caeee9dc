"""A writable extra folder on another disk: everything works there, and nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.support.loras.files import beside_writable_folder, lora_of_others, write_lora
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage import cross_device as crossing
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.storage.cross_device import copy_path
from wan_lora_studio.lora.storage.moves import Move, move_one, undo_one
from wan_lora_studio.settings import Settings


@pytest.fixture
def extra(other_disk: Path) -> Path:
    return lora_of_others(other_disk)


@pytest.fixture
def settings(tmp_path: Path, extra: Path) -> Settings:
    return beside_writable_folder(tmp_path, extra)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the folder but what the library keeps for itself."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith((".catalog", ".lock", ".thumb")):
            found[name] = path.read_bytes()
    return found


def test_a_move_into_the_library_takes_everything(
    library: LoRALibrary, extra: Path, settings: Settings
) -> None:
    before = contents(extra)
    times = (extra / "deep" / "theirs.safetensors").stat()
    sha256 = library.sha256("theirs")
    library.record_use({"theirs": 0.5})
    library.edit_lora_metadata("theirs", {"favourite": True})
    record = library.move_lora_file("theirs", "")
    assert (record["use_count"], record["favourite"]) == (1, True)
    assert contents(extra) == {}
    assert contents(settings.loras_dir) == {
        name.removeprefix("deep/"): data for name, data in before.items()
    }
    moved = (settings.loras_dir / "theirs.safetensors").stat()
    assert (moved.st_mtime_ns, moved.st_mode) == (times.st_mtime_ns, times.st_mode)
    assert Catalog(library.root).files()["theirs.safetensors"].sha256 == sha256["both"]
    assert library.sha256("theirs") == sha256


def test_a_deletion_waits_on_its_own_disk_and_comes_back(
    library: LoRALibrary, extra: Path, settings: Settings
) -> None:
    before = contents(extra)
    inode = (extra / "deep" / "theirs.safetensors").stat().st_ino
    library.record_use({"theirs": 0.5})
    library.delete_lora_file("theirs")
    assert all(name.startswith(".trash/") for name in contents(extra))
    assert contents(settings.loras_dir) == {}
    shutil.rmtree(extra / "deep")  # it is made again
    again = LoRALibrary(settings)
    assert [entry["name"] for entry in again.list_trash()] == ["theirs"]
    again.undo_delete("theirs")
    assert (extra / "deep" / "theirs.safetensors").stat().st_ino == inode
    assert contents(extra) == before
    assert again.record("theirs")["use_count"] == 1
    assert contents(settings.loras_dir) == {}


def test_the_trash_of_both_disks_is_one(
    library: LoRALibrary, extra: Path, settings: Settings
) -> None:
    for number, folder in enumerate((settings.loras_dir, extra, settings.loras_dir)):
        write_lora(folder / f"lora {number}.safetensors", seed=number)
    library.refresh()
    for number in range(3):
        library.delete_lora_file(f"lora {number}")
    listed = [entry["name"] for entry in library.list_trash()]
    assert listed == ["lora 2", "lora 1", "lora 0"]
    known = Catalog(library.root).files()
    assert sum("/.trash/" in path for path in known) == 1
    assert library.empty_trash() == 3
    assert library.list_trash() == []
    assert not [name for name in contents(extra) if name.startswith(".trash")]
    assert not [path for path in Catalog(library.root).files() if ".trash/" in path]


def test_what_a_kill_left_of_a_purge_is_swept(
    library: LoRALibrary, extra: Path, settings: Settings
) -> None:
    library.delete_lora_file("theirs")
    (entry,) = (extra / ".trash").iterdir()
    entry.rename(entry.with_name(f".purged-{entry.name}"))
    assert LoRALibrary(settings).list_trash() == []
    assert contents(extra) == {}


def test_names_edits_and_pictures_are_changed_there(
    library: LoRALibrary, extra: Path, tmp_path: Path
) -> None:
    library.rename_lora_file("theirs", "mine")
    library.edit_lora_metadata("mine", {"description": "new"})
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    library.set_thumbnail("mine", tmp_path / "x.png")
    endings = (".json", ".preview.png", ".safetensors", ".txt")
    assert sorted(contents(extra)) == [f"deep/mine{ending}" for ending in endings]
    assert library.clear_thumbnail("mine")
    library.edit_lora_metadata("mine", {"description": None})
    assert sorted(contents(extra)) == ["deep/mine.safetensors", "deep/mine.txt"]


def test_nothing_is_overwritten_there(
    library: LoRALibrary, extra: Path, settings: Settings
) -> None:
    library.delete_lora_file("theirs")
    (extra / "deep" / "theirs.txt").write_text("another's")
    before = contents(extra)
    with pytest.raises(LoRAError, match="there again"):
        library.undo_delete("theirs")
    assert contents(extra) == before
    assert contents(settings.loras_dir) == {}


def test_a_full_disk_changes_nothing(
    library: LoRALibrary, extra: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(extra)
    full = shutil.disk_usage(extra)._replace(free=100)
    monkeypatch.setattr(crossing.shutil, "disk_usage", lambda _: full)
    with pytest.raises(LoRAError, match="No space left"):
        library.move_lora_file("theirs", "")
    assert contents(extra) == before
    assert contents(settings.loras_dir) == {}


def test_a_copy_that_is_not_equal_is_not_taken(
    library: LoRALibrary, extra: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(extra)
    monkeypatch.setattr(crossing, "write_all", lambda fd, data: os.write(fd, b"\0" + data[1:]))
    with pytest.raises(LoRAError, match="not equal"):
        library.move_lora_file("theirs", "")
    assert contents(extra) == before
    assert contents(settings.loras_dir) == {}


def test_disks_without_links(
    library: LoRALibrary, extra: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a USB stick's exFAT is."""

    def none(source: Path, target: Path, **_: object) -> None:
        across = source.stat().st_dev != target.parent.stat().st_dev
        raise OSError(errno.EXDEV if across else errno.EPERM, "no links")

    before = contents(extra)
    monkeypatch.setattr(os, "link", none)
    library.delete_lora_file("theirs")
    library.undo_delete("theirs")
    assert contents(extra) == before
    library.move_lora_file("theirs", "")
    assert contents(extra) == {}
    found = contents(settings.loras_dir)
    assert found == {name.removeprefix("deep/"): data for name, data in before.items()}


def begun(move: Move) -> None:
    copy_path(move.source, move.target).write_bytes(b"half")


def whole(move: Move) -> None:
    shutil.copy2(move.source, copy_path(move.source, move.target))


def named(move: Move) -> None:
    whole(move)
    os.link(copy_path(move.source, move.target), move.target)


def renamed(move: Move) -> None:
    whole(move)
    copy_path(move.source, move.target).rename(move.target)


@pytest.mark.parametrize("part", [begun, whole, named, renamed, move_one])
def test_a_move_is_taken_back_from_any_point(extra: Path, tmp_path: Path, part: object) -> None:
    before = contents(extra)
    move = Move(extra / "deep" / "theirs.safetensors", tmp_path / "x.safetensors")
    assert callable(part)
    part(move)
    undo_one(move)
    undo_one(move)
    assert contents(extra) == before
    assert list(tmp_path.iterdir()) == []


def test_taking_back_leaves_what_is_not_the_copy(extra: Path, tmp_path: Path) -> None:
    move = Move(extra / "deep" / "theirs.txt", tmp_path / "x.txt")
    move.target.write_text("not theirs")  # of the same size as what was to be moved, nearly
    undo_one(move)
    move.target.write_text("of theirS")
    undo_one(move)
    assert move.target.read_text() == "of theirS"
    assert move.source.read_text() == "of theirs"
