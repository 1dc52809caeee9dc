"""Fused projections (`to_qkv`, `to_kv`): split by their rows, exactly, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.applying import MODES, apply, check_output, item, shapes_of
from tests.support.loras.algebras import LINEAR_ALGEBRAS, Algebra, lora, lora_alpha
from tests.support.loras.layouts import KRONECKER, LYCORIS, TRAINER
from tests.support.loras.weights import Change, Made, random
from wan_lora_studio.errors import LoRAFileError, UnsupportedLoRAError
from wan_lora_studio.lora.inspection.inspector import inspect_lora
from wan_lora_studio.wan.adapters.apply_mode import Mode

# Fused layer → the layers whose weights lie one above the other in it.
FUSED = {
    "blocks.0.attn1.to_qkv": ("to_q", "to_k", "to_v"),
    "blocks.1.attn1.to_qkv": ("to_q", "to_k", "to_v"),
    "blocks.1.attn2.to_kv": ("to_k", "to_v"),
}
EXACT = [name for name in LINEAR_ALGEBRAS if "LoKr" not in name and name != "DoRA, columns"]
SPELLED: dict[str, Callable[[str], str]] = {
    "diffusers": lambda module: f"transformer.{module}",
    "original": lambda module: (
        "diffusion_model." + module.replace("attn1", "self_attn").replace("attn2", "cross_attn")
    ),
    "diffusers, short": lambda module: f"transformer.{module.replace('to_', '')}",
    "flattened": lambda module: "lora_unet_" + module.replace(".", "_"),
}


def rows_of(change: Change, index: int, count: int) -> Change:
    """The rows of one projection of a change of the fused weight."""

    def of(base: Tensor) -> Tensor:
        size = base.shape[0]
        stacked = torch.zeros(size * count, *base.shape[1:], dtype=torch.float64)
        stacked[index * size : (index + 1) * size] = base
        return change(stacked)[index * size : (index + 1) * size]

    return of


def fused_file(
    shapes: dict[str, tuple[int, ...]],
    algebra: Algebra,
    stem: Callable[[str], str],
    layers: dict[str, tuple[str, ...]] = FUSED,
) -> Made:
    made = Made()
    spelled = {**LYCORIS, **TRAINER}
    for number, (module, names) in enumerate(layers.items()):
        path = module.rpartition(".")[0]
        rows, columns = shapes[f"{path}.{names[0]}.weight"]
        factors = algebra((rows * len(names), columns), 1000 * number)
        for part, tensor in factors.parts.items():
            made.tensors[stem(module) + spelled[part]] = tensor
        for kind, change in factors.changes.items():
            for index, name in enumerate(names):
                for expert in ("high", "low"):
                    place = f"{path}.{name}.{kind}"
                    made.exact[expert][place] = rows_of(change, index, len(names))
    return made


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize("algebra", EXACT)
def test_every_algebra(
    algebra: str, spelled: str, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    made = fused_file(shapes_of(experts), LINEAR_ALGEBRAS[algebra], SPELLED[spelled])
    check_output(experts, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize("algebra", [name for name in LINEAR_ALGEBRAS if "LoKr" in name])
def test_kronecker_factors_of_two_projections(
    algebra: str, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    layers = {"blocks.1.attn2.to_kv": FUSED["blocks.1.attn2.to_kv"]}
    stem = SPELLED["diffusers"]
    made = fused_file(shapes_of(experts), LINEAR_ALGEBRAS[algebra], stem, layers)
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def test_kronecker_factors_of_which_the_first_has_one_row(
    experts: Any, mode: Mode, tmp_path: Path
) -> None:
    shapes, made = shapes_of(experts), Made()
    rows, columns = shapes["blocks.0.attn1.to_q.weight"]
    w1, w2 = random(1, 4, seed=1), random(3 * rows, columns // 4, seed=2)
    stem = "transformer.blocks.0.attn1.to_qkv"
    made.tensors = {stem + KRONECKER["lokr_w1"]: w1, stem + KRONECKER["lokr_w2"]: w2}
    whole = torch.kron(w1.double(), w2.double())
    for index, name in enumerate(("to_q", "to_k", "to_v")):
        change = whole[index * rows : (index + 1) * rows]
        for expert in ("high", "low"):
            place = f"blocks.0.attn1.{name}.weight"
            made.exact[expert][place] = lambda base, change=change: change
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def test_differences_of_weight_and_bias(experts: Any, mode: Mode, tmp_path: Path) -> None:
    shapes, made = shapes_of(experts), Made()
    rows, columns = shapes["blocks.0.attn1.to_q.weight"]
    weight, bias = random(3 * rows, columns, seed=1), random(1, 3 * rows, seed=2)
    stem = "diffusion_model.blocks.0.self_attn.qkv"
    made.tensors = {f"{stem}.diff": weight, f"{stem}.diff_b": bias}
    for index, name in enumerate(("to_q", "to_k", "to_v")):
        part = slice(index * rows, (index + 1) * rows)
        changes = {"weight": weight[part].double(), "bias": bias[0, part].double()}
        for kind, change in changes.items():
            for expert in ("high", "low"):
                place = f"blocks.0.attn1.{name}.{kind}"
                made.exact[expert][place] = lambda base, change=change: change
    check_output(experts, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize(
    ("algebra", "why"),
    [("DoRA, columns", "DoRA magnitudes run along the inputs"), ("LoKr", "are not 3 equal pieces")],
)
def test_what_cannot_be_split_is_refused(
    algebra: str, why: str, experts: Any, tmp_path: Path
) -> None:
    made = fused_file(shapes_of(experts), LINEAR_ALGEBRAS[algebra], SPELLED["diffusers"])
    path = made.save(tmp_path / "a.safetensors")
    assert any(why in problem for problem in inspect_lora(path).problems)
    for mode in MODES:
        with (
            pytest.raises(UnsupportedLoRAError, match=why),
            apply(experts, [item("a", 1.0, both=path)], mode),
        ):
            pytest.fail("it was applied")


def test_half_of_a_fused_layer_is_refused(experts: Any, mode: Mode, tmp_path: Path) -> None:
    made = fused_file(shapes_of(experts), lora, SPELLED["diffusers"])
    del made.tensors["transformer.blocks.1.attn2.to_kv.lora_B.weight"]
    path = made.save(tmp_path / "a.safetensors")
    assert any("lora_down without lora_up" in problem for problem in inspect_lora(path).problems)
    with (
        pytest.raises(LoRAFileError, match="lora_down without lora_up"),
        apply(experts, [item("a", 1.0, both=path)], mode),
    ):
        pytest.fail("half of a layer was left out without a word")


def test_a_fused_layer_beside_its_own_projection_is_refused(experts: Any, tmp_path: Path) -> None:
    shapes = shapes_of(experts)
    made = fused_file(shapes, lora, SPELLED["diffusers"])
    rows, columns = shapes["blocks.0.attn1.to_k.weight"]
    stem = "transformer.blocks.0.attn1.to_k"
    made.tensors |= {
        stem + TRAINER[part]: tensor
        for part, tensor in lora_alpha((rows, columns), 5).parts.items()
    }
    info = inspect_lora(made.save(tmp_path / "a.safetensors"))
    assert any("two values for one place" in problem for problem in info.problems)
