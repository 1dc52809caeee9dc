"""Experts in each storage that are read when they are called: the outputs of ones that stay."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.support.applying import (
    EXPERT_NAMES,
    STRENGTH,
    apply,
    difference,
    item,
    output,
    shapes_of,
)
from tests.support.loras import weights as lora_weights
from tests.support.loras.algebras import lora, with_magnitude
from tests.support.loras.layouts import LAYOUTS, write_layers
from tests.support.loras.weights import Made
from tests.support.machine.pretend_streams import PretendStreams
from tests.support.offloading import weights_hash
from tests.support.stored_experts import STORAGES, plain_copies, stored_experts, stored_row
from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.wan.models.on_call import OnCall
from wan_lora_studio.wan.models.placement import PartPlacement
from wan_lora_studio.wan.weights.experts import expert_readers

ROUNDING = 1e-6
NAMES = tuple(EXPERT_NAMES.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("on_call") / "t2v"


def experts_on_call(storage: str, folder: Path) -> OnCall:
    entry = ModelEntry.model_validate(stored_row(storage, "t2v", folder))
    files = {name: Path(path) for name, path in entry.weights.items()}
    return OnCall(expert_readers(entry, folder, files, torch.float32), NAMES)


def loras(shapes: dict[str, Any], storage: str) -> dict[str, Made]:
    made = {
        "LoRA": lora_weights.lora_file(shapes, lora_weights.kohya, alpha=2.0),
        "accelerator": lora_weights.accelerator_file(shapes),
        "combined": lora_weights.combined_file(shapes),
    }
    if storage == "bf16":
        made["DoRA"] = write_layers(LAYOUTS["diffusers"], with_magnitude(lora, "rows"), shapes)
    return made


@pytest.mark.parametrize(
    "storage", ["bf16", *(pytest.param(each, marks=pytest.mark.slow) for each in STORAGES[1:])]
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_outputs_are_those_of_experts_that_stay(
    storage: str, streamed: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staying, on_call = stored_experts(storage, folder), experts_on_call(storage, folder)
    passing = SimpleNamespace(**on_call.modules)
    # Copied weights lie elsewhere in memory, by which a product may differ in its last bit.
    most = ROUNDING if streamed else 0.0
    bare = {name: output(getattr(staying, name)) for name in NAMES}
    if streamed:
        PretendStreams(monkeypatch)
        on_call.settle(PartPlacement(torch.device("cuda"), "group"))
    for kind, made in loras(shapes_of(plain_copies(staying)), storage).items():
        items = [item(kind, STRENGTH, both=made.save(tmp_path / f"{kind}.safetensors"))]
        with apply(staying, items, "runtime"):
            wanted = {name: output(getattr(staying, name)) for name in NAMES}
        with apply(passing, items, "auto") as stack:
            assert stack.mode == "runtime"
            for name in (*NAMES, *NAMES):
                assert difference(output(getattr(passing, name)), wanted[name]) <= most, kind
                assert on_call.here == (name,)
        on_call.let_go()
        assert all(difference(wanted[name], bare[name]) > 1e-4 for name in NAMES)
    on_call.settle(None)
    for name in NAMES:
        assert torch.equal(output(getattr(passing, name)), bare[name])
        one, other = (
            weights_hash(SimpleNamespace(**{name: getattr(each, name)}))
            for each in (passing, staying)
        )
        assert one == other
