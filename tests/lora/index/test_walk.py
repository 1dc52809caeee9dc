"""What a look at the library's folders notes, and what it leaves out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import write_lora
from wan_lora_studio.lora.files.header import CONVERT_A_PICKLE
from wan_lora_studio.lora.index import walk as walking
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import load_settings

# As an old archive or a disk of another system leaves them.
NO_TEXT = (b"caf\xe9.safetensors", b"\xff\xfe.json", b"caf\xe9.png", b"pack\x80/x.safetensors")


def test_names_that_are_no_text_cost_only_themselves(tmp_path: Path) -> None:
    sound = write_lora(tmp_path / "loras" / "sound.safetensors")
    for name in NO_TEXT:
        place = sound.parent / os.fsdecode(name)
        place.parent.mkdir(exist_ok=True)
        place.hardlink_to(sound)
    (sound.parent / os.fsdecode(b"link\xff.safetensors")).symlink_to("nowhere")
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    for _ in range(2):  # also after a restart
        library = LoRALibrary(load_settings(**folders))
        library.refresh()
        library.finish_refresh()
        assert list(library.list_available_loras()) == ["sound"]
        notes = {note["path"]: note for note in library.get_ui_display_data()["notes"]}
        assert notes.keys() == {"caf\ufffd.safetensors", "link\ufffd.safetensors", "pack\ufffd"}
        for note in notes.values():
            assert "not UTF-8 text" in note["text"]
            assert "Rename it" in note["suggestions"][0]


def test_a_file_that_cannot_be_looked_at_does_not_end_the_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a folder that may be listed and not entered, or on a disk with bad sectors."""
    for name in ("a", "b", "c"):
        write_lora(tmp_path / f"{name}.safetensors")
    real = walking._stamp

    def failing(stat: os.stat_result) -> walking.Stamp:
        if stat.st_ino == (tmp_path / "b.safetensors").stat().st_ino:
            raise PermissionError(13, "Permission denied")
        return real(stat)

    monkeypatch.setattr(walking, "_stamp", failing)
    walk = walking.take_walk(tmp_path)
    assert set(walk.snapshot) == {"a.safetensors", "c.safetensors"}
    assert walk.offline == ("b.safetensors",)


def test_pickles_are_told_in_one_note_that_says_how_to_convert_them(tmp_path: Path) -> None:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    root = write_lora(tmp_path / "loras" / "sound.safetensors").parent
    for name in ("sound.png", "sound.txt", ".hidden.ckpt", "bin", "archive.zip"):
        (root / name).write_bytes(b"x")
    library = LoRALibrary(load_settings(**folders))

    def notes() -> list[dict[str, Any]]:
        library.refresh()
        assert list(library.list_available_loras()) == ["sound"]
        return list(library.get_ui_display_data()["notes"])

    assert notes() == []
    (root / "sub").mkdir()
    (root / "sub" / "Old.CKPT").write_bytes(b"x")
    [note] = notes()
    assert note["path"] == "sub/Old.CKPT"
    assert note["text"].startswith("sub/Old.CKPT is not shown. By name, it is a PyTorch pickle")
    assert tuple(note["suggestions"]) == CONVERT_A_PICKLE
    for number in range(300):
        (root / f"part-{number:03}.bin").write_bytes(b"x")
    (root / "link.pth").symlink_to(root / "sub" / "Old.CKPT")
    [note] = notes()
    assert "link.pth, part-000.bin" in note["text"] and "more are not shown" in note["text"]
    assert len(note["text"]) < 4000
    for path in (*root.rglob("*.bin"), *root.rglob("*.pth"), *root.rglob("*.CKPT")):
        path.unlink()
    assert notes() == []
