"""Whole files that LyCORIS itself saves: its own network's output is what ours must be."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from lycoris import create_lycoris
from safetensors.torch import save_file

from tests.support.applying import TOLERANCE, apply, difference, item, output
from wan_lora_studio.wan.adapters.apply_mode import Mode

ALGORITHMS: dict[str, dict[str, Any]] = {
    "LoCon": {"algo": "locon"},
    "LoCon, Tucker": {"algo": "locon", "use_tucker": True},
    "LoCon, rank-stabilised": {"algo": "locon", "rs_lora": True},
    "LoCon, scalar": {"algo": "locon", "use_scalar": True},
    "LoCon, DoRA": {"algo": "locon", "dora_wd": True},
    "LoCon, DoRA on the input": {"algo": "locon", "dora_wd": True, "wd_on_output": False},
    "LoHa": {"algo": "loha"},
    "LoHa, Tucker": {"algo": "loha", "use_tucker": True},
    "LoHa, scalar": {"algo": "loha", "use_scalar": True},
    "LoHa, DoRA": {"algo": "loha", "dora_wd": True, "use_tucker": True},
    "LoHa, DoRA on the input": {"algo": "loha", "dora_wd": True, "wd_on_output": False},
    "LoKr": {"algo": "lokr"},
    "LoKr, factor 4": {"algo": "lokr", "factor": 4},
    "LoKr, unbalanced": {"algo": "lokr", "factor": 4, "unbalanced_factorization": True},
    "LoKr, Tucker": {"algo": "lokr", "factor": 2, "use_tucker": True},
    "LoKr, both split": {"algo": "lokr", "factor": 8, "decompose_both": True, "use_tucker": True},
    "LoKr, full matrix": {"algo": "lokr", "full_matrix": True},
    "LoKr, scalar": {"algo": "lokr", "factor": 4, "use_scalar": True},
    "LoKr, DoRA": {"algo": "lokr", "factor": 4, "dora_wd": True, "use_tucker": True},
    "LoKr, DoRA on the input": {"algo": "lokr", "dora_wd": True, "wd_on_output": False},
}


def trained_network(model: Any, options: dict[str, Any]) -> Any:
    """A LyCORIS network at work on every layer of the model, with factors as after training."""
    torch.manual_seed(0)
    network = create_lycoris(
        model, 1.0, linear_dim=2, linear_alpha=3, conv_dim=2, conv_alpha=5, **options
    )
    network.apply_to()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("dora_scale"):
                parameter.mul_(1 + 0.3 * torch.rand_like(parameter))
            elif name.endswith("scalar"):
                parameter.fill_(0.7)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return network


@pytest.mark.parametrize("options", ALGORITHMS.values(), ids=ALGORITHMS)
def test_a_network(options: dict[str, Any], experts: Any, mode: Mode, tmp_path: Path) -> None:
    model = copy.deepcopy(experts.transformer)
    network = trained_network(model, options)
    wanted = output(model)
    path = tmp_path / "a.safetensors"
    save_file({key: part.contiguous() for key, part in network.state_dict().items()}, str(path))
    assert difference(wanted, output(experts.transformer)) > 1e-3
    with apply(experts, [item("a", 1.0, both=path)], mode) as stack:
        assert difference(output(experts.transformer), wanted) <= TOLERANCE
        report = stack.loras["a"]
    assert report["unknown"] == [] and report["ignored"] == {}
    assert report["coverage"]["high"]["matched"] == len(network.loras)
