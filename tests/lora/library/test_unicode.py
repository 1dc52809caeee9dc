"""Names in decomposed form, as every Mac writes them: taken, found, and kept as one with NFC."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, write_lora
from wan_lora_studio.errors import LoRAError, UploadError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.names import name_problem
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings

NAMES = ["café", "Ångström", "가나다", "プロジェクト", "Việt Nam", "naïve rôle", "ñandú (2)"]


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def files(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not path.relative_to(root).parts[0].startswith(".")
    }


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_in_decomposed_form_is_stored_composed(
    library: LoRALibrary, root: Path, tmp_path: Path, name: str
) -> None:
    source = write_lora(tmp_path / "source")
    record = library.upload_lora_file(source, f"{nfd(name)}.safetensors")
    assert record["name"] == name
    assert name_problem(name) is None
    assert files(root) == {f"{name}.safetensors"}
    other = write_lora(tmp_path / "other", seed=1)
    with pytest.raises(UploadError, match="another LoRA named"):
        library.upload_lora_file(other, f"{nfd(name).upper()}.safetensors")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_in_decomposed_form_is_a_lora_like_any_other(
    library: LoRALibrary, root: Path, name: str
) -> None:
    raw = nfd(name)
    write_lora(root / f"{raw}.safetensors")
    (root / f"{raw}.txt").write_text("a text")
    (root / f"{name}.png").write_bytes(b"written by a tool that composes")
    library.refresh()
    assert list(library.list_available_loras()) == [name]
    for given in (name, raw, name.upper(), raw.lower()):
        assert library.record(given)["name"] == name
        assert library.find_loras(given)["names"] == [name]
    assert library.files(raw)["both"].is_file()
    library.record_use({raw: 0.5})
    assert library.record(name)["use_count"] == 1
    library.delete_lora_file(name)
    assert files(root) == set()
    library.undo_delete(raw)
    assert files(root) == {f"{raw}.safetensors", f"{raw}.txt", f"{name}.png"}
    library.rename_lora_file(name, nfd("né"))
    assert files(root) == {"né.safetensors", "né.txt", "né.png"}
    assert library.record("né")["use_count"] == 1


def test_both_forms_of_one_name_are_two_loras(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "é.safetensors", seed=1)
    write_lora(root / f"{nfd('é')}.safetensors", seed=2)
    (root / "é.txt").write_text("composed")
    (root / f"{nfd('é')}.txt").write_text("decomposed")
    library.refresh()
    assert sorted(library.list_available_loras()) == ["é", "é 2"]
    gone = library.files("é 2")["both"].name
    library.delete_lora_file("é 2")
    kept = {nfd("é"), "é"} - {gone.removesuffix(".safetensors")}
    assert files(root) == {f"{stem}{end}" for stem in kept for end in (".safetensors", ".txt")}


def test_halves_in_two_forms_are_a_pair(library: LoRALibrary, root: Path) -> None:
    add_pair(root, "é")
    (root / "é_low_noise.safetensors").rename(root / f"{nfd('é')}_low_noise.safetensors")
    (root / f"{nfd('é')}.png").write_bytes(b"of both")
    library.refresh()
    assert list(library.list_available_loras()) == ["é"]
    library.rename_lora_file("é", "new")
    assert files(root) == {
        "new_high_noise.safetensors", "new_low_noise.safetensors", "new.png",
    }  # fmt: skip


def test_folders_in_decomposed_form(library: LoRALibrary, root: Path) -> None:
    raw = nfd("Ménage")
    write_lora(root / "a.safetensors")
    (root / raw).mkdir()
    library.refresh()
    assert library.move_lora_file("a", "Ménage")["path"] == f"{raw}/a.safetensors"
    with pytest.raises(LoRAError, match="already"):
        library.create_folder("Ménage")
    assert library.folder_like("Ménage/Ordnér") == f"{raw}/Ordnér"
    assert library.create_folder(nfd("Ménage/Ordnér")) == f"{raw}/Ordnér"


def test_a_folder_of_a_mac_uploads_with_everything(settings: Settings, root: Path) -> None:
    handler = LoRAUploadHandler(settings)
    source = write_lora(settings.loras_dir.with_name("source"))
    sent = {
        f"{nfd('Stäbe')}/{nfd('möre')}.safetensors": source,
        "Stäbe/möre.txt": b"text",
        f"{nfd('Stäbe')}/{nfd('möre')}.json": b'{"description": "d"}',
    }
    outcomes = handler.process_uploads(sent)
    assert [each["status"] for each in outcomes] == ["stored", "taken_along", "taken_along"]
    assert files(root) == {"möre.safetensors", "möre.txt", "möre.json"}
