"""What a model folder lacks, by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.hub import ENCODER, FIRST, NOT_NEEDED, SECOND, model_files
from tests.support.paths import ROOT
from wan_lora_studio.model_store.model_folder import missing_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, content in model_files(2000).items():
        if path not in NOT_NEEDED:
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(content)
    return tmp_path


def test_a_whole_folder_lacks_nothing(folder: Path) -> None:
    assert missing_files(folder) == ()
    assert missing_files(ROOT / "models" / "demo") == ()


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("model_index.json", "model_index.json"),
        (SECOND, SECOND),
        ("transformer/config.json", "transformer/config.json"),
        (ENCODER, "text_encoder/*.safetensors"),
        ("tokenizer/tokenizer.json", None),  # the folder alone says nothing of it
    ],
)
def test_what_is_gone_is_named(folder: Path, gone: str, named: str | None) -> None:
    (folder / gone).unlink()
    assert missing_files(folder) == ((named,) if named else ())


def test_an_empty_file_and_a_broken_index_count_as_missing(folder: Path) -> None:
    (folder / FIRST).write_bytes(b"")
    assert missing_files(folder) == (FIRST,)
    (folder / "model_index.json").write_bytes(b"{")
    assert missing_files(folder) == ("model_index.json",)


def test_weights_that_the_row_has_elsewhere_are_not_missed(folder: Path) -> None:
    (folder / FIRST).unlink()
    (folder / "transformer" / "config.json").unlink()
    assert missing_files(folder, {"transformer"}) == ("transformer/config.json",)


def test_a_component_that_is_none_is_not_missed(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"transformer_2": [None, None], "boundary_ratio": None, "feature": ["a", "b", "c"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    assert missing_files(folder) == ()
