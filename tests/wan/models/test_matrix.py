"""Each storage of weights in each kind of model, wherever they wait: the resident model's video.

Every storage meets every kind, every place and, over its three cases, every selection of LoRAs;
every kind meets every place. The full product would be 324 videos; these are 108.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.loras import weights as lora_weights
from tests.support.machine.pretend_gpu import PretendGPU
from tests.support.machine.pretend_host import PretendHost
from tests.support.machine.pretend_streams import PretendStreams
from tests.support.offloading import moves_make_copies, weights_hash
from tests.support.stored_experts import GGUF, NAMES, STORAGES, WIDTH, stored_row
from tests.support.studio import Studio, decoded
from tests.support.tiny_models import Kind, tiny_transformer
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.generation.video_file import read_metadata
from wan_lora_studio.wan.models import ModelManager
from wan_lora_studio.wan.models.host_memory import ENCODER_STAYS_FROM, RESERVE

KINDS: tuple[Kind, ...] = ("t2v", "i2v", "ti2v")
PLACES = ("model", "group")
SELECTIONS: tuple[dict[str, Any], ...] = (
    {"single": 0.7},
    {"lokr": 0.7},
    {"accelerator": 1.0},
    {"pair": 0.8},
    {"combined": {"high": [[0.0, 1.0], [0.5, 0.2]], "low": 0.4}},
)
STEPS = 2


@dataclass(frozen=True)
class Case:
    storage: str
    kind: Kind
    place: str
    selections: tuple[dict[str, Any], ...]

    @property
    def title(self) -> str:
        return f"{self.storage}-{self.kind}-{self.place}"


def cases() -> list[Case]:
    found = []
    for row, storage in enumerate(STORAGES):
        for column, kind in enumerate(KINDS):
            place = PLACES[(row + column) % 2]
            chosen = tuple(SELECTIONS[(row + 2 * column + more) % 5] for more in (0, 1))
            found.append(Case(storage, kind, place, chosen))
    return found


def test_every_two_of_them_meet() -> None:
    for storage in STORAGES:
        own = [case for case in cases() if case.storage == storage]
        assert {case.kind for case in own} == set(KINDS)
        assert {case.place for case in own} == set(PLACES)
        met = {name for case in own for selection in case.selections for name in selection}
        assert met == {name for selection in SELECTIONS for name in selection}
    met_places = {(case.kind, case.place) for case in cases()}
    assert met_places == {(kind, place) for kind in KINDS for place in PLACES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With LoRAs for the models that are put there."""
    found = tmp_path_factory.mktemp("matrix")
    shapes = {
        name: tuple(value.shape) for name, value in tiny_transformer(width=WIDTH).named_parameters()
    }
    made = {
        "single": lora_weights.lora_file(shapes, lora_weights.kohya, alpha=2.0),
        "pair_high_noise": lora_weights.lora_file(shapes, lora_weights.kohya, seed=3),
        "pair_low_noise": lora_weights.lora_file(shapes, lora_weights.kohya, seed=2),
        "combined": lora_weights.combined_file(shapes),
        "lokr": lora_weights.lokr_file(shapes),
        "accelerator": lora_weights.accelerator_file(shapes),
    }
    (found / "loras").mkdir()
    for name, file in made.items():
        file.save(found / "loras" / f"{name}.safetensors")
    return found


def settings_with(folder: Path, storage: str, kind: Kind) -> Settings:
    row = stored_row(storage, kind, folder / kind)
    (folder / "config.json").write_text(json.dumps({"models": {kind: row}}), encoding="utf-8")
    return load_settings(
        folder / "config.json",
        models_dir=folder,
        loras_dir=folder / "loras",
        data_dir=folder / "data",
        device="cuda",
        lora_mode="runtime",  # beside the weights in both: a merge would round bf16
    )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.title, marks=[pytest.mark.slow] if case.kind != "t2v" else [])
        for case in cases()
    ],
)
def test_the_video_is_that_of_the_resident_model(
    case: Case, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, kind, place = case.storage, case.kind, case.place
    moves_make_copies(monkeypatch)
    PretendGPU(monkeypatch)
    picture = tmp_path / "picture.png"
    Image.new("RGB", (48, 40), (200, 90, 30)).save(picture)
    image = None if kind == "t2v" else str(picture)
    settings = settings_with(folder, storage, kind)
    studios = []
    for each in ("none", place):
        own = settings.model_copy(update={"offload": each, "outputs_dir": tmp_path / each})
        studios.append(Studio(own, ModelManager(own)))
    before: list[str] = []
    plain = None
    for selection in ({}, *case.selections):
        results = [
            studio.run(model_type=kind, image=image, selected_loras=selection, steps=STEPS)
            for studio in studios
        ]
        one, other = (decoded(result.video_path) for result in results)
        assert np.array_equal(one, other), selection
        assert all(result.recoveries == [] for result in results)
        plain = one if plain is None else plain
        assert np.array_equal(plain, one) == (not selection)
        hashes = [weights_hash(studio.models.load(kind).pipeline) for studio in studios]
        before = before or hashes
        assert hashes == before, selection
    assert studios[1].models.load(kind).offload == place
    told = read_metadata(Path(results[1].video_path))["environment"]["precision"]
    assert told == (f"gguf {storage}" if storage in GGUF else storage)


@pytest.mark.parametrize("storage", ["Q5_K", "int8", pytest.param("fp8", marks=pytest.mark.slow)])
@pytest.mark.parametrize("place", PLACES)
def test_so_it_is_where_experts_take_turns_in_memory(
    storage: str, place: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves_make_copies(monkeypatch)
    PretendGPU(monkeypatch)
    PretendStreams(monkeypatch)
    host = PretendHost(monkeypatch, ENCODER_STAYS_FROM)
    settings = settings_with(folder, storage, "t2v")
    studios = []
    for each in ("none", place):
        own = settings.model_copy(update={"offload": each, "outputs_dir": tmp_path / each})
        studios.append(Studio(own, ModelManager(own)))
        studios[-1].models.load("t2v")
        host.total = RESERVE
    for selection in ({}, {"accelerator": 1.0}, {"pair": 0.8}):
        one, other = (
            decoded(studio.run(selected_loras=selection, steps=STEPS).video_path)
            for studio in studios
        )
        assert np.array_equal(one, other), selection
    model = studios[1].models.load("t2v")
    assert model.offload == place and set(model.on_call.modules) >= set(NAMES)
    assert model.on_call.here == ()
