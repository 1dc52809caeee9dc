"""A row with its verdict before a byte of its weights is fetched, and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter

from tests.support.hub import FIRST, REPO, FakeHub, model_files, serving
from wan_lora_studio.model_list.machine import Machine
from wan_lora_studio.model_list.rows import ModelList
from wan_lora_studio.model_store.downloads import ModelDownloads
from wan_lora_studio.model_store.hub import Hub
from wan_lora_studio.settings import Settings, load_settings

MODEL = "ti2v-5B"
PACKED = "high/model-Q8_0.gguf"
MACHINE = Machine(16 << 30, 64 << 30, 0)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving(FakeHub(REPO, model_files(400_000))) as served:
        yield served


def rows_of(tmp_path: Path, **row: object) -> Settings:
    config = tmp_path / "config.json"
    rows = {MODEL: {"repo": REPO, "path": "cloud", **row}}
    config.write_text(json.dumps({"models": rows}), encoding="utf-8")
    return load_settings(config, models_dir=tmp_path / "models", data_dir=tmp_path / "data")


def test_the_verdict_needs_the_beginnings_of_files_alone(hub: FakeHub, tmp_path: Path) -> None:
    settings = rows_of(tmp_path)
    downloads = ModelDownloads(settings, Hub(hub.url), waits=())
    models = ModelList(settings, downloads, machine=MACHINE)
    assert models.row(MODEL).verdict is None
    before = models.asked(MODEL)
    assert before.verdict is not None and before.verdict.words.startswith("Fits your 16 GB GPU")
    assert (before.state, before.size) == ("absent", 0)
    assert max(hub.sent[path] for path in hub.sent) <= 100_000
    downloads.start(MODEL)
    downloads.wait(MODEL, 60.0)
    after = models.asked(MODEL)
    assert after.state == "here" and after.verdict == before.verdict
    assert after.size == before.size_whole


def test_the_layers_of_a_gguf_file_are_read_from_its_beginning(
    hub: FakeHub, tmp_path: Path
) -> None:
    path = tmp_path / "made.gguf"
    writer = GGUFWriter(path, "wan")
    for number in range(4):
        content = np.zeros((32, 34 * 8), dtype=np.uint8)  # 32 rows of 8 blocks of Q8_0
        writer.add_tensor(f"blocks.{number}.w", content, raw_dtype=GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    hub.repos["owner/packed"] = {PACKED: path.read_bytes()}
    settings = rows_of(tmp_path, weights={"transformer": f"owner/packed:{PACKED}"})
    models = ModelList(settings, ModelDownloads(settings, Hub(hub.url)), machine=MACHINE)
    row = models.asked(MODEL)
    assert row.problem is None and row.verdict is not None and row.verdict.fits
    assert row.repos == ("owner/packed", REPO)
    assert FIRST not in hub.sent, "the folder's transformer is not looked at"


def test_what_the_hub_refuses_is_the_rows_problem(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.refuse = (403, "GatedRepo")
    settings = rows_of(tmp_path)
    row = ModelList(settings, ModelDownloads(settings, Hub(hub.url)), machine=MACHINE).asked(MODEL)
    assert row.problem is not None and row.problem.context["reason"] == "gated"
    assert row.verdict is None
