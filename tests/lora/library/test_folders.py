"""More than one folder: extra ones, links, and folders that cannot be reached."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import tiny_model, write_lora
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import load_settings


@pytest.fixture
def extra(tmp_path: Path) -> Path:
    folder = tmp_path / "shared loras"
    write_lora(folder / "deep" / "theirs.safetensors", seed=3)
    write_lora(folder / "same.safetensors", seed=4)
    return folder


@pytest.fixture
def opened(tmp_path: Path, extra: Path) -> Callable[..., LoRALibrary]:
    """Opens the library with extra folders, by default with the one."""
    tiny_model(tmp_path / "models")
    write_lora(tmp_path / "loras" / "same.safetensors", seed=5)

    def run(*folders: Path) -> LoRALibrary:
        return LoRALibrary(
            load_settings(
                loras_dir=tmp_path / "loras",
                models_dir=tmp_path / "models",
                extra_lora_dirs=list(folders or [extra]),
            )
        )

    return run


def names(library: LoRALibrary) -> set[str]:
    library.refresh()
    return set(library.list_available_loras())


def contents_of(folder: Path) -> dict[str, Any]:
    return {str(p): p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file()}


def test_extra_folders_are_listed_with_their_subfolders(
    opened: Callable[..., LoRALibrary], extra: Path
) -> None:
    library = opened()
    assert names(library) == {"same", "theirs", "same (shared loras)"}
    records = library.list_available_loras()
    assert [records[n]["read_only"] for n in ("same", "theirs")] == [False, True]
    assert library.files("theirs")["both"] == extra / "deep" / "theirs.safetensors"
    assert records["theirs"]["status"] == "ok"
    assert library.validate_lora_compatibility("theirs", "demo")
    assert library.get_lora_metadata("theirs")["sha256"]


def test_nothing_is_changed_in_an_extra_folder(
    opened: Callable[..., LoRALibrary], extra: Path
) -> None:
    library = opened()
    before = contents_of(extra)
    library.refresh()
    for change in (
        lambda: library.delete_lora_file("theirs"),
        lambda: library.rename_lora_file("theirs", "mine"),
        lambda: library.move_lora_file("theirs", ""),
    ):
        with pytest.raises(LoRAError, match="extra_lora_dirs"):
            change()
    library.record_use({"theirs": 0.5})
    edited = library.edit_lora_metadata("theirs", {"title": "Theirs", "notes": "n"})
    assert edited["title"] == "Theirs"
    assert library.thumbnail_file("theirs").is_relative_to(library.root)
    assert contents_of(extra) == before
    assert opened().record("theirs")["use_count"] == 1


def test_an_extra_folder_may_be_a_link_and_hold_links(
    opened: Callable[..., LoRALibrary], extra: Path, tmp_path: Path
) -> None:
    outside = write_lora(tmp_path / "outside" / "more.safetensors", seed=9)
    (extra / "linked").symlink_to(outside.parent)
    link = tmp_path / "link"
    link.symlink_to(extra)
    assert names(opened(link)) == {"same", "theirs", "same (link)", "more"}


def test_the_library_itself_may_be_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    write_lora(real / "deep" / "a.safetensors")
    link.symlink_to(real, target_is_directory=True)
    library = LoRALibrary(load_settings(loras_dir=link))
    library.edit_lora_metadata("a", {"description": "mine"})
    library.rename_lora_file("a", "b")
    assert sorted(path.name for path in (real / "deep").iterdir()) == ["b.json", "b.safetensors"]
    library.delete_lora_file("b")
    assert not list((real / "deep").iterdir())
    library.undo_delete("b")
    assert library.record("b")["metadata"]["description"] == "mine"


def test_a_folder_is_looked_through_once(
    opened: Callable[..., LoRALibrary], extra: Path, tmp_path: Path
) -> None:
    assert names(opened(extra, extra / "deep", tmp_path / "loras")) == {
        "same", "theirs", "same (shared loras)",
    }  # fmt: skip
    assert names(opened(tmp_path)) == {"same", "theirs", "same (shared loras)"}


def test_a_folder_that_is_offline_marks_its_loras_missing(
    opened: Callable[..., LoRALibrary], extra: Path
) -> None:
    library = opened()
    library.refresh()
    library.record_use({"theirs": 0.5})
    away = extra.with_name("away")
    shutil.move(extra, away)
    for one in (library, opened()):
        one.refresh()
        records = one.list_available_loras()
        assert (records["same"]["status"], records["theirs"]["status"]) == ("ok", "missing")
        assert records["theirs"]["status_detail"]
        assert one.recent(5) == []
    shutil.move(away, extra)
    for one in (library, opened()):
        one.refresh()
        assert one.record("theirs")["status"] == "ok"
        assert one.recent(5) == ["theirs"]


def test_paths_of_extra_folders_count_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "own.json"
    config.write_text(json.dumps({"extra_lora_dirs": ["more", "/abs"]}))
    found = [folder.path for folder in load_settings(config).extra_lora_dirs]
    assert found == [tmp_path / "more", Path("/abs")]
    monkeypatch.setenv("WAN_LORA_EXTRA_LORA_DIRS", '["/one"]')
    assert [folder.path for folder in load_settings(config).extra_lora_dirs] == [Path("/one")]
