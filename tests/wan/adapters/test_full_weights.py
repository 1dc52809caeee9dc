"""Full-weight parts: a file may change every parameter of the model, not only its products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.applying import check_output, check_rounding, shapes_of
from tests.support.loras.algebras import LINEAR_ALGEBRAS, lora_alpha
from tests.support.loras.layouts import LAYOUTS, ORIGINAL, every_parameter, write_layers
from tests.support.loras.weights import Change, Made, random
from wan_lora_studio.wan.adapters.apply_mode import Mode


@pytest.mark.parametrize("short", [True, False], ids=["diff_m", "modulation.diff"])
def test_every_parameter_in_fp32(short: bool, experts: Any, mode: Mode, tmp_path: Path) -> None:
    made = every_parameter(shapes_of(experts), short=short)
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def test_every_parameter_in_bf16(half_experts: Any, tmp_path: Path) -> None:
    made = every_parameter(shapes_of(half_experts))
    check_rounding(half_experts, made, tmp_path / "a.safetensors")


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model.", "base_model.model.", "pipe.dit."])
def test_every_prefix(prefix: str, experts: Any, mode: Mode, tmp_path: Path) -> None:
    made = every_parameter(shapes_of(experts))
    made.tensors = {prefix + key.removeprefix(ORIGINAL): part for key, part in made.tensors.items()}
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def test_diffs_beside_products_of_the_same_layers(experts: Any, mode: Mode, tmp_path: Path) -> None:
    """LightX2V: LoRA on the layers, and differences of their biases and of what has no LoRA."""
    shapes = shapes_of(experts)
    made = write_layers(LAYOUTS["LightX2V"], lora_alpha, shapes)
    full = every_parameter(
        {name: shapes[name] for name in shapes if name not in made.exact["high"]}
    )
    made.tensors |= full.tensors
    for expert in ("high", "low"):
        made.exact[expert] |= full.exact[expert]
    check_output(experts, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize("kind", LINEAR_ALGEBRAS)
def test_a_layer_with_a_product_and_diffs(
    kind: str, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    """The changes of one weight add up, and so do those of its bias."""
    module, shapes = "blocks.1.ffn.net.2", shapes_of(experts)
    made = write_layers(LAYOUTS["LyCORIS"], LINEAR_ALGEBRAS[kind], shapes, (module,))
    for part, name in (("diff", "weight"), ("diff_b", "bias")):
        diff, path = random(*shapes[f"{module}.{name}"], seed=3, scale=0.05), f"{module}.{name}"
        made.tensors[f"lycoris_{module.replace('.', '_')}.{part}"] = diff
        for changes in made.exact.values():
            changes[path] = plus(diff, changes.get(path))
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def plus(diff: Tensor, change: Change | None) -> Change:
    return lambda base: diff.double() + (change(base) if change else 0.0)


@pytest.mark.parametrize("prefix", ["lycoris", "lora_unet"])
def test_trained_norms(prefix: str, experts: Any, mode: Mode, tmp_path: Path) -> None:
    """LyCORIS names the change of a norm `w_norm` and `b_norm`."""
    made, shapes = Made(), shapes_of(experts)
    for index, parameter in enumerate(name for name in shapes if ".norm" in name):
        module, kind = parameter.rsplit(".", 1)
        change = random(*shapes[parameter], seed=index, scale=0.3)
        made.tensors[f"{prefix}_{module.replace('.', '_')}.{kind[0]}_norm"] = change
        for expert in ("high", "low"):
            made.exact[expert][parameter] = lambda base, change=change: change.double()
    assert len(made.tensors) == 12
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def test_a_diff_of_a_float8_file_is_its_float8_value(half_experts: Any, tmp_path: Path) -> None:
    made = every_parameter(shapes_of(half_experts))
    for key, part in made.tensors.items():
        made.tensors[key] = part.to(torch.float8_e4m3fn)
    for changes in made.exact.values():
        for parameter, change in changes.items():
            rounded = change(torch.empty(())).to(torch.float8_e4m3fn).double()
            changes[parameter] = lambda base, rounded=rounded: rounded
    check_rounding(half_experts, made, tmp_path / "a.safetensors")
