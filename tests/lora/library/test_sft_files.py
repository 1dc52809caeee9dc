"""`.sft` is another ending of safetensors files; a pickle is refused with what to do about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.support.loras.files import write_lora
from wan_lora_studio.errors import LoRAFileError, UploadError
from wan_lora_studio.lora.files.header import CONVERT_A_PICKLE, read_header
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.names import is_lora_file, stem_of, suffix_of
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings


def test_the_ending_in_any_case() -> None:
    assert [suffix_of(name) for name in ("a.sft", "a.SFT", "a.Safetensors", "a.sf", "sft")] == [
        ".sft", ".SFT", ".Safetensors", "", "",
    ]  # fmt: skip
    assert stem_of("C:\\loras\\a.b.sft") == "a.b"
    assert is_lora_file("folder/a.sft")
    assert not is_lora_file("a.sft.png")


def test_it_is_listed_paired_renamed_moved_and_deleted(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "style_high_noise.SFT", seed=1)
    write_lora(root / "style_low_noise.safetensors", seed=2)
    (root / "style_high_noise.sft.json").write_text('{"description": "soft"}')
    (root / "style_high_noise.png").write_bytes(b"no picture")
    library.refresh()
    record = library.record("style")
    assert (record["status"], record["is_pair"]) == ("ok", True)
    assert record["files"]["high"] == "style_high_noise.SFT"
    assert record["metadata"]["description"] == "soft"
    library.rename_lora_file("style", "ink")
    names = {path.name for path in root.iterdir() if path.is_file()}
    assert {"ink_high_noise.SFT", "ink_high_noise.sft.json", "ink_high_noise.png"} <= names
    library.create_folder("sub")
    library.move_lora_file("ink", "sub")
    assert (root / "sub" / "ink_high_noise.SFT").is_file()
    library.delete_lora_file("ink")
    assert not list((root / "sub").iterdir())
    assert library.list_available_loras() == {}


def test_two_files_of_one_stem_share_nothing(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", seed=1)
    write_lora(root / "a.sft", seed=2)
    (root / "a.json").write_text('{"description": "of the first"}')
    library.refresh()
    names = {record["filename"]: name for name, record in library.list_available_loras().items()}
    library.delete_lora_file(names["a.sft"])
    assert (root / "a.json").is_file()
    assert (root / "a.safetensors").is_file()


def test_an_upload_keeps_its_ending(library: LoRALibrary, settings: Settings, root: Path) -> None:
    data = write_lora(root.parent / "in.sft", seed=3).read_bytes()
    handler = LoRAUploadHandler(settings, library)
    assert handler.validate_file(root.parent / "in.sft")[0]
    record = handler.process_upload(data, "Neon.SFT")
    assert (record["name"], record["filename"], record["status"]) == ("Neon", "Neon.sft", "ok")
    assert (root / "Neon.sft").read_bytes() == data
    other = write_lora(root.parent / "other.safetensors", seed=4).read_bytes()
    with pytest.raises(UploadError, match="another LoRA named 'Neon'"):
        handler.process_upload(other, "Neon.safetensors")


def test_several_with_what_belongs_to_them(
    library: LoRALibrary, settings: Settings, root: Path
) -> None:
    data = write_lora(root.parent / "in.sft", seed=3).read_bytes()
    found = LoRAUploadHandler(settings, library).process_uploads(
        {"a.sft": data, "a.sft.json": b'{"description": "soft"}'}
    )
    assert [outcome["status"] for outcome in found] == ["stored", "taken_along"]
    assert library.record("a")["metadata"]["description"] == "soft"


@pytest.mark.parametrize("name", ["a.ckpt", "a.pt", "A.PTH", "pytorch_lora_weights.bin", "a.pkl"])
def test_a_pickle_is_refused_with_how_to_convert_it(
    name: str, library: LoRALibrary, settings: Settings
) -> None:
    with pytest.raises(UploadError, match="PyTorch pickle") as caught:
        LoRAUploadHandler(settings, library).process_upload(b"PK\x03\x04" + bytes(64), name)
    assert any("weights_only=True" in text for text in caught.value.suggestions)
    assert any("save_file" in text for text in caught.value.suggestions)
    assert library.list_available_loras() == {}


def test_what_is_said_about_converting_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "diffusion_model.blocks.0.self_attn.q.lora_A.weight"
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {key: torch.ones(4, 8).T}, "epoch": 3}, "in.ckpt")
    (line,) = [text for text in CONVERT_A_PICKLE if "save_file" in text]
    subprocess.run([sys.executable, "-c", line.partition(": ")[2]], check=True)
    assert read_header(tmp_path / "out.safetensors").tensors[key].shape == (8, 4)


def test_a_pickle_by_another_name_is_told_the_same(library: LoRALibrary, root: Path) -> None:
    (root / "a.safetensors").write_bytes(b"PK\x03\x04" + bytes(64))
    library.refresh()
    record = library.record("a")
    assert record["status"] == "corrupt"
    assert "PyTorch pickle" in record["status_detail"]
    with pytest.raises(LoRAFileError) as caught:
        library.info("a")
    assert caught.value.suggestions == CONVERT_A_PICKLE
