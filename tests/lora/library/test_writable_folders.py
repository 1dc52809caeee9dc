"""Extra folders that the user has made writable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support.loras.files import beside_writable_folder, lora_of_others
from wan_lora_studio.errors import LoRAError, LoRANotFoundError, SettingsError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings, load_settings


@pytest.fixture
def extra(tmp_path: Path) -> Path:
    return lora_of_others(tmp_path / "shared")


@pytest.fixture
def settings(tmp_path: Path, extra: Path) -> Settings:
    return beside_writable_folder(tmp_path, extra)


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_lora_is_renamed_where_it_is(library: LoRALibrary, extra: Path) -> None:
    assert not library.record("theirs")["read_only"]
    library.record_use({"theirs": 1.0})
    library.rename_lora_file("theirs", "mine")
    assert files(extra) == ["deep/mine.safetensors", "deep/mine.txt"]
    assert library.record("mine")["use_count"] == 1


def test_edits_and_pictures_are_written_there(
    library: LoRALibrary, extra: Path, tmp_path: Path
) -> None:
    library.edit_lora_metadata("theirs", {"description": "new"})
    assert json.loads((extra / "deep" / "theirs.json").read_text())["description"] == "new"
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    library.set_thumbnail("theirs", tmp_path / "x.png")
    assert (extra / "deep" / "theirs.preview.png").is_file()
    Image.new("RGB", (8, 8)).save(extra / "deep" / "theirs.preview.png")  # now another's
    library.set_thumbnail("theirs", tmp_path / "x.png")
    assert library.list_trash()[0]["name"] == "theirs (preview)"


def test_a_deletion_is_undone_and_survives_a_restart(
    library: LoRALibrary, extra: Path, settings: Settings
) -> None:
    before = {name: (extra / name).read_bytes() for name in files(extra)}
    library.delete_lora_file("theirs")
    assert files(extra) == []
    with pytest.raises(LoRANotFoundError):
        library.record("theirs")
    again = LoRALibrary(settings)
    assert [entry["name"] for entry in again.list_trash()] == ["theirs"]
    again.undo_delete("theirs")
    assert {name: (extra / name).read_bytes() for name in files(extra)} == before
    assert again.record("theirs")["status"] == "ok"


def test_a_deletion_is_not_put_back_once_the_folder_is_not_ours(
    library: LoRALibrary, extra: Path, settings: Settings
) -> None:
    library.delete_lora_file("theirs")
    fixed = load_settings(loras_dir=settings.loras_dir, extra_lora_dirs=[str(extra)])
    assert LoRALibrary(fixed).list_trash() == []
    assert files(extra) == []
    assert len(LoRALibrary(settings).list_trash()) == 1


def test_it_can_be_moved_into_the_library(
    library: LoRALibrary, extra: Path, tmp_path: Path
) -> None:
    library.move_lora_file("theirs", "")
    assert files(extra) == []
    assert (tmp_path / "loras" / "theirs.safetensors").is_file()


def test_a_path_alone_is_read_only(tmp_path: Path, extra: Path) -> None:
    for folder in (str(extra), {"path": str(extra)}, {"path": str(extra), "writable": False}):
        library = LoRALibrary(load_settings(loras_dir=tmp_path / "l", extra_lora_dirs=[folder]))
        assert library.record("theirs")["read_only"]
        with pytest.raises(LoRAError, match="extra_lora_dirs"):
            library.delete_lora_file("theirs")
    with pytest.raises(SettingsError, match="writeable"):
        load_settings(extra_lora_dirs=[{"path": str(extra), "writeable": True}])


def test_paths_count_from_the_settings_file(tmp_path: Path, extra: Path) -> None:
    config = tmp_path / "own.json"
    config.write_text(json.dumps({"extra_lora_dirs": [{"path": "shared", "writable": True}]}))
    found = load_settings(config).extra_lora_dirs
    assert [(item.path, item.writable) for item in found] == [(extra, True)]
