"""The patch embedding, a convolution, in every algebra: flat, with its kernel, and with a core."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.applying import check_output, check_rounding, shapes_of
from tests.support.loras.algebras import CONVOLUTION_ALGEBRAS, Algebra
from tests.support.loras.layouts import LAYOUTS, Layout, can_store, write_layers
from wan_lora_studio.wan.adapters.apply_mode import Mode

CONVOLUTION = ("patch_embedding",)
TRAINERS = ("diffusers", "diffusion-pipe", "musubi", "LyCORIS", "LightX2V")
CASES = [
    pytest.param(LAYOUTS[name], algebra, id=f"{name}-{kind}")
    for name in TRAINERS
    for kind, algebra in CONVOLUTION_ALGEBRAS.items()
    if can_store(LAYOUTS[name], algebra, (8, 4, 1, 2, 2))
]


@pytest.mark.parametrize(("layout", "algebra"), CASES)
def test_the_output_in_fp32(
    layout: Mapping[str, Layout], algebra: Algebra, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    made = write_layers(layout, algebra, shapes_of(experts), CONVOLUTION)
    check_output(experts, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize(("layout", "algebra"), CASES)
def test_the_weights_in_bf16(
    layout: Mapping[str, Layout], algebra: Algebra, half_experts: Any, tmp_path: Path
) -> None:
    made = write_layers(layout, algebra, shapes_of(half_experts), CONVOLUTION)
    check_rounding(half_experts, made, tmp_path / "a.safetensors")
