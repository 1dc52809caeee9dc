"""LoHa beside the weights: small ranks as one low-rank product, large ones multiplied out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.applying import TOLERANCE, apply, difference, item, output, two_experts
from tests.support.loras.weights import Made
from wan_lora_studio.wan.adapters.side_layer import MOST_EXPANDED

LAYER = "lycoris_blocks_1_ffn_net_2"  # [32, 48] in the tiny model
WEIGHT = "blocks.1.ffn.net.2.weight"


@pytest.mark.parametrize("ranks", [(3, 5), (16, 16), (17, 16)])
def test_any_rank_gives_the_merge(ranks: tuple[int, int], tmp_path: Path) -> None:
    assert (ranks[0] * ranks[1] <= MOST_EXPANDED) == (ranks != (17, 16))
    generator = torch.Generator().manual_seed(1)
    (a1, b1), (a2, b2) = (
        (torch.randn(32, r, generator=generator), torch.randn(r, 48, generator=generator))
        for r in ranks
    )
    tensors = {"hada_w1_a": a1, "hada_w1_b": b1, "hada_w2_a": a2, "hada_w2_b": b2}
    tensors["alpha"] = torch.tensor(0.5 * ranks[0])
    path = Made({f"{LAYER}.{part}": value for part, value in tensors.items()}).save(
        tmp_path / "a.safetensors"
    )
    experts = two_experts()
    model = experts.transformer
    change = 0.5 * (a1.double() @ b1.double()) * (a2.double() @ b2.double())
    merged = (model.get_parameter(WEIGHT).double() - 0.01 * change).float()
    wanted = output(model, {WEIGHT: merged})
    assert difference(wanted, output(model)) > 1e-3
    with apply(experts, [item("a", -0.01, both=path)], "runtime") as stack:
        assert difference(output(model), wanted) <= TOLERANCE
        stack.change([item("a", 0.0, both=path)])
        assert difference(output(model), wanted) > 1e-3
