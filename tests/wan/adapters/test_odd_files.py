"""What real files mix: ranks, dtypes, forms of alpha, halves of one dialect and another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.applying import apply, check_output, item, output, shapes_of, state
from tests.support.loras.algebras import (
    ALPHA,
    LINEAR_ALGEBRAS,
    RANK,
    Factors,
    constant,
    lora,
    lora_alpha,
)
from tests.support.loras.layouts import EVERY_LINEAR, LAYOUTS, write_layers
from tests.support.loras.weights import Made
from wan_lora_studio.wan.adapters.apply_mode import Mode

DTYPES = (
    torch.float32,
    torch.bfloat16,
    torch.float16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float64,
)
MUSUBI = LAYOUTS["musubi"]


def test_ranks_that_differ_by_layer(experts: Any, mode: Mode, tmp_path: Path) -> None:
    def algebra(shape: tuple[int, ...], seed: int) -> Factors:
        return lora(shape, seed, rank=1 + seed // 100 % 7)

    made = write_layers(MUSUBI, algebra, shapes_of(experts))
    assert len({part.shape[0] for key, part in made.tensors.items() if "down" in key}) == 7
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def test_every_dtype_in_one_file(experts: Any, mode: Mode, tmp_path: Path) -> None:
    """Each factor counts with the value that its dtype could store."""

    def algebra(shape: tuple[int, ...], seed: int) -> Factors:
        factors = lora(shape, seed).parts
        first = seed // 100 % len(DTYPES)
        down = factors["down"].to(DTYPES[first])
        up = factors["up"].to(DTYPES[first - 1])
        alpha = torch.tensor(ALPHA, dtype=DTYPES[first - 2])
        change = ALPHA / RANK * up.double() @ down.double()
        parts = {"down": down, "up": up, "alpha": alpha}
        return Factors(parts, {"weight": constant(change)})

    made = write_layers(MUSUBI, algebra, shapes_of(experts))
    assert {part.dtype for part in made.tensors.values()} == set(DTYPES)
    check_output(experts, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize(
    "form",
    [
        lambda: torch.tensor(6),
        lambda: torch.tensor([6], dtype=torch.int32),
        lambda: torch.tensor([6.0]),
        lambda: torch.tensor([[6.0]], dtype=torch.bfloat16),
        lambda: torch.tensor(6.0, dtype=torch.float16),
        lambda: torch.tensor(6, dtype=torch.uint8),
    ],
    ids=["int64", "int32 vector", "vector", "matrix", "float16", "uint8"],
)
@pytest.mark.parametrize("layout", ["musubi", "diffusers", "PEFT export", "LyCORIS", "LightX2V"])
def test_forms_of_alpha(
    layout: str, form: Callable[[], Tensor], experts: Any, mode: Mode, tmp_path: Path
) -> None:
    made = write_layers(LAYOUTS[layout], lora_alpha, shapes_of(experts))
    for key in made.tensors:
        if key.endswith("alpha"):
            made.tensors[key] = form()
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def test_alphas_of_some_layers_only(experts: Any, mode: Mode, tmp_path: Path) -> None:
    def algebra(shape: tuple[int, ...], seed: int) -> Factors:
        return (lora if seed // 100 % 3 else lora_alpha)(shape, seed)

    made = write_layers(LAYOUTS["LightX2V"], algebra, shapes_of(experts))
    check_output(experts, made, tmp_path / "a.safetensors", mode)


def test_an_alpha_without_a_layer_is_reported_and_does_nothing(
    experts: Any, mode: Mode, tmp_path: Path
) -> None:
    made = write_layers(MUSUBI, lora_alpha, shapes_of(experts), EVERY_LINEAR[:10])
    orphans = {f"lora_unet_blocks_1_{name}.alpha" for name in ("self_attn_q", "ffn_2")}
    plain = made.save(tmp_path / "plain.safetensors")
    made.tensors |= {key: torch.tensor(99.0) for key in orphans}
    path = made.save(tmp_path / "orphans.safetensors")
    with apply(experts, [item("a", 1.0, both=plain)], mode):
        wanted = output(experts.transformer)
    with apply(experts, [item("a", 1.0, both=path)], mode) as stack:
        assert torch.equal(output(experts.transformer), wanted)
        assert set(stack.loras["a"]["ignored"]) == orphans
        assert stack.loras["a"]["coverage"]["high"] == {"matched": 10, "total": 10}


def test_a_different_algebra_and_dialect_on_every_layer(
    experts: Any, mode: Mode, tmp_path: Path
) -> None:
    made, shapes, kinds = Made(), shapes_of(experts), list(LINEAR_ALGEBRAS.values())
    for index, module in enumerate(EVERY_LINEAR):
        layout = LAYOUTS["LyCORIS" if index % 2 else "kohya, diffusers names"]
        one = write_layers(layout, kinds[index % len(kinds)], shapes, (module,))
        made.tensors |= one.tensors
        for expert, changes in one.exact.items():
            made.exact[expert] |= changes
    check_output(experts, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize("zero", [0.0, {"high": 0.0, "low": 0.0}, {"high": [[0.0, 0.0]]}])
def test_strength_zero_is_the_bare_model_to_the_last_bit(
    zero: Any, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    made = write_layers(LAYOUTS["LyCORIS"], LINEAR_ALGEBRAS["LoKr with DoRA"], shapes_of(experts))
    bare = output(experts.transformer)
    with apply(experts, [item("a", zero, both=made.save(tmp_path / "a.safetensors"))], mode):
        assert torch.equal(output(experts.transformer), bare)


def test_a_loras_file_is_not_modified(experts: Any, mode: Mode, tmp_path: Path) -> None:
    made = write_layers(LAYOUTS["LyCORIS"], LINEAR_ALGEBRAS["LoHa with DoRA"], shapes_of(experts))
    path, before = made.save(tmp_path / "a.safetensors"), state(experts)
    content = path.read_bytes()
    for _ in range(2):
        with apply(experts, [item("a", 0.7, both=path)], mode):
            assert state(experts).keys() == before.keys()
    assert path.read_bytes() == content
