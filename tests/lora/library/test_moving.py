"""Folders, moving between them, and the trash's limits."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, layer_keys, write_lora
from wan_lora_studio.errors import LoRAError, LoRANotFoundError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings


def visible(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(root).parts)
    }


def test_a_move_takes_every_file_and_all_that_is_known(library: LoRALibrary, root: Path) -> None:
    add_pair(root)
    for name in ("style.png", "style_low_noise.json", "style_high_noise.civitai.info"):
        (root / name).write_text("{}")
    library.refresh()
    library.record_use({"style": 0.5})
    before = visible(root)
    assert library.create_folder("people/new") == "people/new"
    record = library.move_lora_file("style", "people/new")
    assert (record["name"], record["use_count"]) == ("style", 1)
    assert visible(root) == {f"people/new/{name}": data for name, data in before.items()}
    assert library.move_lora_file("style", "people/new")["name"] == "style"
    library.move_lora_file("style", "")
    assert visible(root) == before
    assert library.record("style")["last_strength"] == 0.5


def test_a_role_that_only_the_folder_told_is_kept(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "high_noise" / "glow.safetensors")
    library.refresh()
    assert library.record("glow")["expert"] == "high"
    assert library.move_lora_file("glow", "")["expert"] == "high"


def test_a_move_never_overwrites(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", seed=1)
    write_lora(root / "sub" / "A.safetensors", seed=2)
    write_lora(root / "b.safetensors", seed=3)
    (root / "b.json").write_text("{}")
    (root / "sub" / "b.json").write_text("mine")
    (root / "file").write_text("x")
    library.refresh()
    before = visible(root)
    for name in ("a", "b"):
        with pytest.raises(LoRAError, match="already there"):
            library.move_lora_file(name, "sub")
    for folder in ("absent", "file"):
        with pytest.raises(LoRAError, match="no folder"):
            library.move_lora_file("a", folder)
    for taken in ("sub", "SUB", "sub/A.safetensors", "file", "file/x", "FILE/x"):
        with pytest.raises(LoRAError):
            library.create_folder(taken)
    assert visible(root) == before


def test_nothing_is_put_into_a_linked_folder(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside", target_is_directory=True)
    library.refresh()
    with pytest.raises(LoRAError, match="symbolic link"):
        library.move_lora_file("a", "link")
    with pytest.raises(LoRAError, match="symbolic link"):
        library.create_folder("link/new")
    assert not list((tmp_path / "outside").iterdir())


def test_an_adapter_config_is_for_one_lora_alone(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "own" / "adapter_model.safetensors", layer_keys("base_model.model.{m}"))
    (root / "own" / "adapter_config.json").write_text('{"lora_alpha": 8, "r": 4}')
    write_lora(root / "a.safetensors", seed=2)
    library.refresh()
    for name, folder in (("own", ""), ("a", "own")):
        with pytest.raises(LoRAError, match="every LoRA beside it"):
            library.move_lora_file(name, folder)
    library.create_folder("elsewhere")
    library.move_lora_file("own", "elsewhere")
    assert library.info("elsewhere")["both"].scaling.alpha == 8


def fill(library: LoRALibrary, root: Path, count: int) -> None:
    for index in range(count):
        write_lora(root / f"l{index}.safetensors", seed=index)
        library.refresh()
        library.delete_lora_file(f"l{index}")


def test_the_trash_is_listed_and_emptied(library: LoRALibrary, root: Path) -> None:
    fill(library, root, 3)
    listed = library.list_trash()
    assert [item["name"] for item in listed] == ["l2", "l1", "l0"]
    assert listed[0]["files"] == ["l2.safetensors"]
    assert listed[0]["size_mb"] > 0
    assert library.empty_trash() == 3
    assert library.list_trash() == []
    assert not list((root / ".trash").iterdir())
    with pytest.raises(LoRANotFoundError):
        library.undo_delete("l0")


def test_the_trash_keeps_within_its_size_but_always_the_newest(
    settings: Settings, root: Path
) -> None:
    library = LoRALibrary(settings.model_copy(update={"trash_mb": 0.00001}))
    fill(library, root, 3)
    assert [item["name"] for item in library.list_trash()] == ["l2"]
    roomy = LoRALibrary(settings.model_copy(update={"trash_mb": 0}))
    fill(roomy, root, 3)
    assert len(roomy.list_trash()) == 4


def test_old_deletions_go_at_the_next_start(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    fill(library, root, 2)
    oldest = sorted((root / ".trash").iterdir())[0] / "manifest.json"
    long_ago = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    text = oldest.read_text()
    oldest.write_text(text.replace(library.list_trash()[1]["deleted"], long_ago))
    LoRALibrary(settings.model_copy(update={"trash_days": 0}))
    assert len(library.list_trash()) == 2
    LoRALibrary(settings)
    assert [item["name"] for item in library.list_trash()] == ["l1"]


def test_what_a_deleted_lora_was_used_for_is_not_its_successors(
    library: LoRALibrary, root: Path
) -> None:
    write_lora(root / "a.safetensors", seed=1)
    library.refresh()
    library.record_use({"a": 0.5})
    library.delete_lora_file("a")
    other = write_lora(root.parent / "other.safetensors", seed=2)
    assert library.upload_lora_file(other, "a.safetensors")["use_count"] == 0
    library.rename_lora_file("a", "b")
    library.undo_delete("a")
    assert (library.record("a")["use_count"], library.record("b")["use_count"]) == (1, 0)


def test_what_a_kill_left_is_swept_at_the_start(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    fill(library, root, 1)
    kept = library.list_trash()
    (root / ".staging").mkdir(exist_ok=True)
    (root / ".staging" / "dead.safetensors").write_bytes(b"x")
    (root / ".staging" / "dead.tmp").write_bytes(b"x")
    os.mkfifo(root / ".staging" / "fifo")
    (root / ".trash" / ".purged-x" / "deep").mkdir(parents=True)
    (root / ".trash" / ".purged-x" / "deep" / "a.safetensors").write_bytes(b"x")
    (root / ".trash" / "restored" / "deep").mkdir(parents=True)
    again = LoRALibrary(settings)
    assert not list((root / ".staging").iterdir())
    assert again.list_trash() == kept
    assert len(list((root / ".trash").iterdir())) == 1
