"""Every layout with every algebra that its trainer can write, against a float64 merge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from applying import check_output, check_rounding, shapes_of
from lora_algebras import LINEAR_ALGEBRAS, Algebra
from lora_layouts import LAYOUTS, Layout, can_store, write_layers

CASES = [
    pytest.param(layout, algebra, id=f"{name}-{kind}")
    for name, layout in LAYOUTS.items()
    for kind, algebra in LINEAR_ALGEBRAS.items()
    if can_store(layout, algebra, (8, 8))
]


@pytest.mark.parametrize(("layout", "algebra"), CASES)
def test_the_output_in_fp32(
    layout: Mapping[str, Layout], algebra: Algebra, experts: Any, mode: str, tmp_path: Path
) -> None:
    made = write_layers(layout, algebra, shapes_of(experts))
    check_output(experts, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize(("layout", "algebra"), CASES)
def test_the_weights_in_bf16(
    layout: Mapping[str, Layout], algebra: Algebra, half_experts: Any, tmp_path: Path
) -> None:
    made = write_layers(layout, algebra, shapes_of(half_experts))
    check_rounding(half_experts, made, tmp_path / "a.safetensors")
