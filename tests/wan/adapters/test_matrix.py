"""Every layout with every algebra that its trainer can write, against a float64 merge."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from torch import Tensor

from tests.support.applying import (
    Wanted,
    check_output,
    check_rounding,
    shapes_of,
    wanted_outputs,
    wanted_weights,
)
from tests.support.loras.algebras import LINEAR_ALGEBRAS, Algebra
from tests.support.loras.layouts import LAYOUTS, Layout, can_store, write_layers
from tests.support.loras.weights import Made
from wan_lora_studio.wan.adapters.apply_mode import Mode

T = TypeVar("T")
Known = dict[Hashable, T]


@dataclass(frozen=True)
class Case:
    layout: Mapping[str, Layout]
    algebra: Algebra

    def made_for(self, experts: Any) -> Made:
        return write_layers(self.layout, self.algebra, shapes_of(experts))

    @property
    def factors(self) -> Hashable:
        """What the wanted result depends on: the factors, not their names in the file."""
        return self.algebra, tuple((role, names.modules) for role, names in self.layout.items())


CASES = [
    pytest.param(Case(layout, algebra), id=f"{name}-{kind}")
    for name, layout in LAYOUTS.items()
    for kind, algebra in LINEAR_ALGEBRAS.items()
    if can_store(layout, algebra, (8, 8))
]


@pytest.fixture(scope="module")
def outputs() -> Known[dict[str, Tensor]]:
    return {}


@pytest.fixture(scope="module")
def weights() -> Known[Wanted]:
    return {}


@pytest.mark.parametrize("case", CASES)
def test_the_output_in_fp32(
    case: Case, experts: Any, mode: Mode, outputs: Known[dict[str, Tensor]], tmp_path: Path
) -> None:
    made = case.made_for(experts)
    if case.factors not in outputs:
        outputs[case.factors] = wanted_outputs(experts, made)
    check_output(experts, made, tmp_path / "a.safetensors", mode, outputs[case.factors])


@pytest.mark.parametrize("case", CASES)
def test_the_weights_in_bf16(
    case: Case, half_experts: Any, weights: Known[Wanted], tmp_path: Path
) -> None:
    made = case.made_for(half_experts)
    if case.factors not in weights:
        weights[case.factors] = wanted_weights(half_experts, made)
    check_rounding(half_experts, made, tmp_path / "a.safetensors", weights[case.factors])
