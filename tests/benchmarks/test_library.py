"""The library's benchmark on tiny trees: what it does and writes; never how long it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import LIBRARY_PARTS, main
from benchmarks.library_trees import grow_tree, tensor_lists
from wan_lora_studio.lora.files.header import read_header
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import load_settings

pytestmark = pytest.mark.slow  # runs a benchmark


def test_every_part_is_run(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    assert main(["library", "--quick", "--json", str(path), "--folder", str(tmp_path)]) == 0
    found = json.loads(path.read_text(encoding="utf-8"))["parts"]
    assert list(found) == list(LIBRARY_PARTS)
    assert {name: len(part["targets"]) for name, part in found.items()} == {
        "scale": 3,
        "files": 0,
        "upload": 2,
        "changes": 4,
    }
    assert found["scale"]["facts"]["40"]["cold"]["records"] == 30
    assert list(tmp_path.iterdir()) == [path]


def test_the_trees_are_of_real_size_and_usable(tmp_path: Path) -> None:
    lists = tensor_lists()
    assert len({item.text for item in lists}) == 40
    grow_tree(tmp_path / "loras", 40)
    library = LoRALibrary(load_settings(loras_dir=tmp_path / "loras"))
    records = library.list_available_loras()
    assert {record["status"] for record in records.values()} == {"ok"}
    assert sum(record["is_pair"] for record in records.values()) == 10
    path = library.files(next(name for name, r in records.items() if not r["is_pair"]))["both"]
    assert read_header(path).file_size == path.stat().st_size
    assert path.stat().st_blocks * 512 < path.stat().st_size
