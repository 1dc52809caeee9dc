"""Pickles are taken only where the settings say so, and become safetensors with the same values."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.support.loras.files import musubi, random_tensors, write_lora
from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.names import PICKLES
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings

WEIGHTS = {name: torch.from_numpy(value) for name, value in random_tensors(musubi()).items()}


def saved(path: Path, content: object = WEIGHTS, **options: bool) -> bytes:
    torch.save(content, path, **options)
    return path.read_bytes()


@pytest.fixture
def accepting(settings: Settings) -> LoRAUploadHandler:
    return LoRAUploadHandler(settings.model_copy(update={"accept_pickles": True}))


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_file() and path.name[0] != ".")


@pytest.mark.parametrize("ending", PICKLES)
def test_the_values_are_the_very_same(
    accepting: LoRAUploadHandler, settings: Settings, tmp_path: Path, ending: str
) -> None:
    data = saved(tmp_path / "a")
    (outcome,) = accepting.process_uploads({f"style{ending}": data})
    assert (outcome["status"], outcome["name"]) == ("stored", "style"), outcome
    assert files(settings.loras_dir) == ["style.safetensors"]
    found = load_file(settings.loras_dir / "style.safetensors")
    assert set(found) == set(WEIGHTS)
    assert all(torch.equal(found[name], value) for name, value in WEIGHTS.items())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_every_kind_of_number(
    accepting: LoRAUploadHandler, settings: Settings, tmp_path: Path, kind: torch.dtype
) -> None:
    weights = {name: value.to(kind) for name, value in WEIGHTS.items()}
    (outcome,) = accepting.process_uploads({"style.pt": saved(tmp_path / "a", weights)})
    assert outcome["status"] == "stored", outcome
    found = load_file(settings.loras_dir / "style.safetensors")
    assert all(torch.equal(found[name], value) for name, value in weights.items())


@pytest.mark.parametrize("around", ["state_dict", "module", "model"])
def test_weights_within_a_checkpoint(
    accepting: LoRAUploadHandler, settings: Settings, tmp_path: Path, around: str
) -> None:
    checkpoint = {"epoch": 3, "loss": 0.5, around: WEIGHTS, "name": "style"}
    (outcome,) = accepting.process_uploads({"style.ckpt": saved(tmp_path / "a", checkpoint)})
    assert outcome["status"] == "stored", outcome
    assert set(load_file(settings.loras_dir / "style.safetensors")) == set(WEIGHTS)


def test_its_picture_comes_along(
    accepting: LoRAUploadHandler, settings: Settings, tmp_path: Path
) -> None:
    sent = {"style.pt": saved(tmp_path / "a"), "style.txt": b"a fox"}
    outcomes = accepting.process_uploads(sent)
    assert [each["status"] for each in outcomes] == ["stored", "taken_along"]
    assert files(settings.loras_dir) == ["style.safetensors", "style.txt"]


def test_a_file_that_needs_no_conversion_goes_first(
    accepting: LoRAUploadHandler, settings: Settings, tmp_path: Path
) -> None:
    plain = write_lora(tmp_path / "style.safetensors").read_bytes()
    sent = {"style.pt": saved(tmp_path / "a"), "style.safetensors": plain}
    outcomes = accepting.process_uploads(sent)
    assert [each["status"] for each in outcomes] == ["refused", "stored"]
    assert (settings.loras_dir / "style.safetensors").read_bytes() == plain


def test_they_are_refused_without_the_setting(settings: Settings, tmp_path: Path) -> None:
    handler = LoRAUploadHandler(settings)
    (outcome,) = handler.process_uploads({"style.pt": saved(tmp_path / "a")})
    assert outcome["status"] == "refused"
    assert "pickle" in outcome["error"]["message"]
    with pytest.raises(UploadError, match="pickle"):
        handler.open_stage("style.pt", 100)
    assert files(settings.loras_dir) == []


def _old(path: Path) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return saved(path, WEIGHTS, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": torch.ones(3, 4).t()}, "one piece"),
        ({"a": 3}, "no tensors"),
        ([torch.ones(2)], "no tensors"),
        ({"a": np.ones(3)}, "numpy"),
    ],
)
def test_what_cannot_be_converted_is_said(
    accepting: LoRAUploadHandler, settings: Settings, tmp_path: Path, content: object, said: str
) -> None:
    (outcome,) = accepting.process_uploads({"a.pt": saved(tmp_path / "a", content)})
    assert outcome["status"] == "refused"
    assert said in outcome["error"]["message"]
    assert files(settings.loras_dir) == []


def test_old_and_damaged_files(
    accepting: LoRAUploadHandler, settings: Settings, tmp_path: Path
) -> None:
    whole = saved(tmp_path / "a")
    sent = {
        "old.pt": _old(tmp_path / "b"),
        "short.pt": whole[: len(whole) // 2],
        "empty.pt": b"",
        "text.pt": b"hello",
        "torn.pt": whole.replace(b"ctorch", b"cTORCH", 1),
    }
    outcomes = accepting.process_uploads(sent)
    assert {each["status"] for each in outcomes} == {"refused"}
    assert files(settings.loras_dir) == []
    staging = settings.loras_dir / ".staging"
    assert not staging.exists() or list(staging.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="a rest of another test may be open there")
def test_pieces_as_a_browser_sends_them(
    accepting: LoRAUploadHandler, settings: Settings, tmp_path: Path
) -> None:
    data = saved(tmp_path / "a")
    stage = accepting.open_stage("style.pt", len(data))
    for at in range(0, len(data), 1000):
        stage.write(data[at : at + 1000])
    stage.finish()
    assert files(settings.loras_dir) == ["style.safetensors"]
