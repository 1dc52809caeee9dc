"""Links in the library: read through, and themselves what is moved, renamed and deleted."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import tiny_model, write_lora
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files.hashing import Hashes
from wan_lora_studio.lora.index import file_hashing as hashing
from wan_lora_studio.lora.index import walk as walking
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings, load_settings

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A LoRA that lies elsewhere, with a text beside it."""
    write_lora(tmp_path / "shared" / "wan" / "theirs.safetensors", seed=3)
    (tmp_path / "shared" / "wan" / "theirs.txt").write_text("of theirs")
    return tmp_path / "shared"


def hub(cache: Path, *files: str, revision: str = REVISION) -> Path:
    """A repository of a hub cache: `snapshots/<revision>/` with relative links into `blobs/`."""
    repository = cache / "models--org--style"
    for number, file in enumerate(files):
        blob = repository / "blobs" / f"{number:064x}"
        if not blob.exists():
            write_lora(blob, seed=number + 20)
        link = repository / "snapshots" / revision / file
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(revision)
    return repository


def link(path: Path, target: Path | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


def statuses(library: LoRALibrary) -> dict[str, str]:
    library.refresh()
    return {name: record["status"] for name, record in library.list_available_loras().items()}


def unfollowed(library: LoRALibrary) -> dict[str, str]:
    library.refresh()
    notes = library.get_ui_display_data()["notes"]
    assert all(note["suggestions"] for note in notes)
    return {note["path"]: note["text"].removeprefix(f"{note['path']} ")[:-1] for note in notes}


def everything(folder: Path) -> dict[str, Any]:
    """Every entry of a folder: a link's text, or a file's content and date."""
    return {
        str(path.relative_to(folder)): path.readlink()
        if path.is_symlink()
        else (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_a_linked_file_is_read_and_only_the_link_changes(
    library: LoRALibrary, root: Path, outside: Path
) -> None:
    before = everything(outside)
    text = os.path.relpath(outside / "wan" / "theirs.safetensors", root)
    link(root / "a.safetensors", text)
    assert statuses(library) == {"a": "ok"}
    assert library.validate_lora_compatibility("a", "demo")
    assert library.record("a")["size_mb"] > 0
    assert library.record("a")["sha256"]
    assert not library.record("a")["read_only"]
    library.rename_lora_file("a", "b")
    assert str((root / "b.safetensors").readlink()) == text
    library.delete_lora_file("b")
    assert statuses(library) == {}
    library.undo_delete("b")
    assert str((root / "b.safetensors").readlink()) == text
    library.create_folder("one/two")
    library.move_lora_file("b", "one/two")
    moved = root / "one" / "two" / "b.safetensors"
    assert not moved.readlink().is_absolute()
    assert moved.samefile(outside / "wan" / "theirs.safetensors")
    assert statuses(library) == {"b": "ok"}
    library.delete_lora_file("b")
    library.empty_trash()
    assert everything(outside) == before
    assert list((root / ".staging").iterdir()) == []


def test_a_hub_cache_is_listed_whole(library: LoRALibrary, root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    hub(cache, "style.safetensors", "sub/other.safetensors", "loras/adapter_model.safetensors")
    link(root / "hub", cache)
    assert statuses(library) == {"style": "ok", "other": "ok", "loras": "ok"}
    assert not [path for path in walking.take_walk(root, []).snapshot if "/blobs/" in path]
    with pytest.raises(LoRAError, match="behind the linked folder hub") as caught:
        library.delete_lora_file("style")
    assert caught.value.suggestions
    assert library.record("style")["read_only"]


def test_a_hub_cache_in_the_library_can_be_changed(library: LoRALibrary, root: Path) -> None:
    repository = hub(root, "style.safetensors")
    blobs = everything(repository / "blobs")
    assert statuses(library) == {"style": "ok"}
    library.move_lora_file("style", "")
    assert (root / "style.safetensors").is_symlink()
    assert statuses(library) == {"style": "ok"}
    library.delete_lora_file("style")
    library.undo_delete("style")
    assert statuses(library) == {"style": "ok"}
    assert everything(repository / "blobs") == blobs


def test_a_lone_model_of_a_hub_cache_is_named_after_its_repository(
    library: LoRALibrary, root: Path
) -> None:
    hub(root, "adapter_model.safetensors")
    assert statuses(library) == {"style": "ok"}


def test_a_link_moves_to_another_disk_and_back(
    tmp_path: Path, other_disk: Path, outside: Path
) -> None:
    tiny_model(tmp_path / "models")
    settings = load_settings(
        loras_dir=tmp_path / "loras",
        models_dir=tmp_path / "models",
        extra_lora_dirs=[{"path": str(other_disk), "writable": True}],
    )
    text = os.path.relpath(outside / "wan" / "theirs.safetensors", other_disk / "deep")
    link(other_disk / "deep" / "a.safetensors", text)
    library = LoRALibrary(settings)
    assert statuses(library) == {"a": "ok"}
    library.delete_lora_file("a")
    library.undo_delete("a")
    assert str((other_disk / "deep" / "a.safetensors").readlink()) == text
    library.move_lora_file("a", "")
    assert (tmp_path / "loras" / "a.safetensors").samefile(outside / "wan" / "theirs.safetensors")
    assert statuses(library) == {"a": "ok"}


def test_links_to_what_moves_follow_it(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "sub" / "real.safetensors")
    (root / "sub" / "real.png").write_bytes(b"x")
    link(root / "sub" / "real.preview.png", "real.png")
    link(root / "favourite.safetensors", "sub/real.safetensors")
    assert statuses(library) == {"favourite": "ok", "real": "ok"}
    library.rename_lora_file("real", "new")
    assert str((root / "sub" / "new.preview.png").readlink()) == "new.png"
    assert str((root / "favourite.safetensors").readlink()) == "sub/new.safetensors"
    library.move_lora_file("new", "")
    assert str((root / "new.preview.png").readlink()) == "new.png"
    assert str((root / "favourite.safetensors").readlink()) == "new.safetensors"
    assert statuses(library) == {"favourite": "ok", "new": "ok"}
    library.delete_lora_file("new")
    assert statuses(library) == {"favourite": "missing"}
    library.undo_delete("new")
    assert statuses(library) == {"favourite": "ok", "new": "ok"}


def test_a_failed_move_leaves_the_link_as_it_was(
    library: LoRALibrary, root: Path, outside: Path
) -> None:
    link(root / "one" / "a.safetensors", "../../shared/wan/theirs.safetensors")
    library.create_folder("two")
    write_lora(root / "two" / "b.safetensors", seed=9)
    library.refresh()
    before = everything(root / "one")
    (root / "two" / "A.safetensors").write_bytes(b"")
    with pytest.raises(LoRAError, match="already there"):
        library.move_lora_file("a", "two")
    assert everything(root / "one") == before


def test_links_that_lead_nowhere_are_told(library: LoRALibrary, root: Path, tmp_path: Path) -> None:
    write_lora(root / "a.safetensors")
    link(root / "gone.safetensors", "nowhere.safetensors")
    link(root / "circle.safetensors", "circle.safetensors")
    link(root / "folder.safetensors", tmp_path)
    link(root / "none", "/not/mounted")
    link(root / "back", root)
    link(root / "sub" / "up", "..")
    link(root / "top", "/")
    found = statuses(library)
    assert found == {"a": "ok", "gone": "missing", "circle": "missing"}
    assert "'nowhere.safetensors', which is not there" in library.record("gone")["status_detail"]
    assert "in a circle" in library.record("circle")["status_detail"]
    why = unfollowed(library)
    assert why.keys() == {"none", "back", "sub/up", "top", "folder.safetensors"}
    assert why["none"] == "is a link to '/not/mounted', which is not there"
    assert {why[name] for name in ("back", "sub/up", "top", "folder.safetensors")} == {
        "leads back to a folder that it lies in"
    }
    library.delete_lora_file("gone")
    assert not (root / "gone.safetensors").is_symlink()


def test_a_link_to_no_lora_is_the_error_of_one_card(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    os.mkfifo(root / "fifo")
    for name, target in {
        "device": "/dev/zero", "passwd": "/etc/passwd", "pipe": "fifo", "proc": "/proc/self/mem",
    }.items():  # fmt: skip
        link(root / f"{name}.safetensors", target)
    found = statuses(library)
    assert found.pop("a") == "ok"
    assert found == dict.fromkeys(("device", "passwd", "pipe", "proc"), "corrupt")
    for name in found:
        library.rename_lora_file(name, f"{name} 2")
        library.delete_lora_file(f"{name} 2")
    assert statuses(library) == {"a": "ok"}


def test_one_folder_by_several_ways_is_read_once(
    library: LoRALibrary, root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link(root / "all", outside)
    link(root / "again", "all/wan")
    link(root / "z real" / "inner", "../sub")
    write_lora(root / "sub" / "a.safetensors")
    looked: list[str] = []
    scandir = os.scandir

    def counted(path: Any) -> Any:
        looked.append(os.path.realpath(path))
        return scandir(path)

    library.refresh()
    monkeypatch.setattr(os, "scandir", counted)
    walk = walking.take_walk(root)
    looked.remove(os.path.realpath(root))  # it is tried first
    assert len(looked) == len(set(looked)) == 5
    assert [path for path in walk.snapshot if path.endswith("theirs.safetensors")] == [
        "again/theirs.safetensors"
    ]
    assert statuses(library) == {"a": "ok", "theirs": "ok"}
    assert unfollowed(library) == {
        "z real/inner": "leads to what is listed already, under 'sub'",
    }


def test_one_file_under_two_names_is_hashed_once(
    library: LoRALibrary, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lora(root / "a.safetensors")
    link(root / "b.safetensors", "a.safetensors")
    hashed: list[Path] = []
    real = hashing.file_hashes

    def counted(path: Path) -> Hashes:
        hashed.append(path)
        return real(path)

    monkeypatch.setattr(hashing, "file_hashes", counted)
    library.refresh()
    assert library.find_duplicates() == [["a", "b"]]
    assert len(hashed) == 1


def test_what_lies_behind_a_linked_folder_is_not_changed(
    library: LoRALibrary, root: Path, outside: Path, tmp_path: Path
) -> None:
    link(root / "shared", outside)
    assert statuses(library) == {"theirs": "ok"}
    assert library.validate_lora_compatibility("theirs", "demo")
    before = everything(outside)
    library.create_folder("new")
    for change in (
        lambda: library.delete_lora_file("theirs"),
        lambda: library.rename_lora_file("theirs", "mine"),
        lambda: library.move_lora_file("theirs", "new"),
    ):
        with pytest.raises(LoRAError, match="behind the linked folder shared"):
            change()
    assert library.edit_lora_metadata("theirs", {"title": "Mine"})["title"] == "Mine"
    assert everything(outside) == before
    assert library.list_folders() == ["new"]


def test_a_linked_folder_that_is_an_extra_one_too_can_be_changed_there(
    settings: Settings, outside: Path
) -> None:
    settings = load_settings(
        loras_dir=settings.loras_dir,
        models_dir=settings.models_dir,
        extra_lora_dirs=[{"path": str(outside), "writable": True}],
    )
    library = LoRALibrary(settings)
    link(settings.loras_dir / "shared", outside)
    assert statuses(library) == {"theirs": "ok"}
    library.rename_lora_file("theirs", "mine")
    assert (outside / "wan" / "mine.txt").is_file()


@pytest.mark.parametrize("is_due", [False, True])
def test_a_folder_that_becomes_a_link_is_not_changed_by_what_was_known(
    root: Path, tmp_path: Path, is_due: bool, settings: Settings
) -> None:
    """Whether it is time to look at everything again, or only at what is changed."""
    write_lora(root / "sub" / "a.safetensors")
    library = LoRALibrary(settings, time.monotonic if is_due else lambda: 0.0)
    library.refresh()
    shutil.move(root / "sub", tmp_path / "elsewhere")
    link(root / "sub", tmp_path / "elsewhere")
    with pytest.raises(LoRAError):
        library.delete_lora_file("a")
    assert (tmp_path / "elsewhere" / "a.safetensors").is_file()


def test_a_linked_disk_that_is_away_keeps_its_loras(
    library: LoRALibrary, root: Path, outside: Path
) -> None:
    link(root / "disk", outside)
    library.refresh()
    library.record_use({"theirs": 0.5})
    away = outside.rename(outside.with_name("away"))
    assert statuses(library) == {"theirs": "missing"}
    assert "disk" in unfollowed(library)
    away.rename(outside)
    assert statuses(library) == {"theirs": "ok"}
    assert library.record("theirs")["use_count"] == 1
    (root / "disk").unlink()
    assert statuses(library) == {}


def test_a_link_to_very_many_folders_ends(
    library: LoRALibrary, root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "MAX_LINKED_FOLDERS", 5)
    for number in range(9):
        (outside / f"f{number}").mkdir()
    link(root / "many", outside)
    library.refresh()
    assert "more than 5 folders" in unfollowed(library)["many"]


def test_very_deep_folders_are_walked(root: Path, library: LoRALibrary) -> None:
    here = os.open(root, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        assert len(walking.take_walk(root).folders) == 1200
    finally:
        subprocess.run(["rm", "-r", root / "d"], check=True)  # shutil recurses


def test_links_beside_a_lora_go_along(library: LoRALibrary, root: Path, outside: Path) -> None:
    write_lora(root / "a.safetensors")
    link(root / "a.txt", "../shared/wan/theirs.txt")
    link(root / "a.png", "not there.png")
    library.create_folder("sub")
    library.move_lora_file("a", "sub")
    assert (root / "sub" / "a.txt").read_text() == "of theirs"
    assert str((root / "sub" / "a.png").readlink()) == "../not there.png"
    library.delete_lora_file("a")
    assert list((root / "sub").iterdir()) == []
    library.undo_delete("a")
    assert (root / "sub" / "a.txt").read_text() == "of theirs"


def test_a_folder_of_links_uploads_what_they_lead_to(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    repository = hub(tmp_path / "cache", "style.safetensors")
    snapshot = repository / "snapshots" / REVISION
    outcomes = LoRAUploadHandler(library.settings, library).process_folder(snapshot)
    assert [each["status"] for each in outcomes] == ["stored"]
    assert not (root / "style.safetensors").is_symlink()


Change = Callable[[LoRALibrary], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda library: library.rename_lora_file("a", "b"),
        lambda library: library.move_lora_file("a", "sub"),
        lambda library: library.delete_lora_file("a"),
    ],
)
def test_a_change_that_fails_keeps_every_link(
    library: LoRALibrary, root: Path, outside: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    link(root / "a.safetensors", "../shared/wan/theirs.safetensors")
    link(root / "a.txt", "../shared/wan/theirs.txt")
    library.create_folder("sub")
    library.refresh()
    before = everything(root)

    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(Catalog, "moved", fail)
    with pytest.raises(LoRAError, match="no space"):
        change(library)
    after = everything(root)
    own = (".catalog", ".lock", ".thumbnails")
    assert {key: after[key] for key in after if not key.startswith(own)} == {
        key: before[key] for key in before if not key.startswith(own)
    }
