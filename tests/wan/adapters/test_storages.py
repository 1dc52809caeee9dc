"""LoRAs on weights in each storage, wherever they wait: the output of a float64 merge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.applying import (
    EXPERT_NAMES,
    STRENGTH,
    apply,
    difference,
    item,
    merged_weights,
    output,
    shapes_of,
)
from tests.support.loras import weights as lora_weights
from tests.support.loras.algebras import lora, with_magnitude
from tests.support.loras.layouts import LAYOUTS, write_layers
from tests.support.machine.pretend_streams import PretendStreams
from tests.support.offloading import STORAGES as PLACES
from tests.support.offloading import moves_make_copies, weights_hash
from tests.support.stored_experts import FP8, GGUF, INT8, plain_copies, stored_experts
from wan_lora_studio.errors import LoRAError

TOLERANCE = 1e-6
NARROW = (FP8, *GGUF, INT8)
MAKERS = {
    "LoRA": lambda shapes: lora_weights.lora_file(shapes, lora_weights.kohya, alpha=2.0),
    "LoKr": lora_weights.lokr_file,
    "accelerator": lora_weights.accelerator_file,
    "combined": lora_weights.combined_file,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storages") / "t2v"


def placed(experts: Any, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place in ("block groups", "leaf groups"):
        moves_make_copies(monkeypatch)
        PLACES[place](experts)
    elif place != "none":
        streams = PretendStreams(monkeypatch)
        for name in EXPERT_NAMES.values():
            getattr(experts, name).enable_group_offload(
                onload_device=torch.device("cuda"),
                offload_type="block_level",
                num_blocks_per_group=1,
                use_stream=True,
                low_cpu_mem_usage="each time" in place,
            )
        assert (streams.pinned > 0) == ("beforehand" in place)


STREAMED = ("streams, pinned beforehand", "streams, pinned each time")


@pytest.mark.parametrize("storage", ("bf16", *NARROW))
@pytest.mark.parametrize("place", ["none", "block groups", "leaf groups", *STREAMED])
def test_outputs_are_those_of_a_merge_over_what_the_weights_stand_for(
    storage: str, place: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experts = stored_experts(storage, folder)
    plain = plain_copies(experts)
    placed(experts, place, monkeypatch)
    base = {
        name: difference(output(getattr(experts, name)), output(getattr(plain, name)))
        for name in EXPERT_NAMES.values()
    }
    before = weights_hash(experts)
    for kind, make in MAKERS.items():
        made = make(shapes_of(plain))
        path = made.save(tmp_path / f"{kind}.safetensors")
        with apply(experts, [item(kind, STRENGTH, both=path)], "runtime") as stack:
            assert stack.mode == "runtime"
            for expert, name in EXPERT_NAMES.items():
                model = getattr(plain, name)
                weights = merged_weights(model, [(STRENGTH[expert], made.exact[expert])])
                wanted = output(model, weights)
                off = difference(output(getattr(experts, name)), wanted)
                assert off <= TOLERANCE + 2 * base[name], (kind, expert)
                assert difference(output(model), wanted) > 1e-3
        assert weights_hash(experts) == before
    assert max(base.values()) <= TOLERANCE


@pytest.mark.parametrize("storage", [*GGUF, INT8])
def test_magnitudes_on_quantised_weights_are_refused_by_name(
    storage: str, folder: Path, tmp_path: Path
) -> None:
    experts = stored_experts(storage, folder)
    before = weights_hash(experts)
    algebra = with_magnitude(lora, "rows")
    made = write_layers(LAYOUTS["diffusers"], algebra, shapes_of(plain_copies(experts)))
    path = made.save(tmp_path / "dora.safetensors")
    with (
        pytest.raises(LoRAError, match="DoRA"),
        apply(experts, [item("dora", STRENGTH, both=path)], "auto"),
    ):
        pass
    assert weights_hash(experts) == before
