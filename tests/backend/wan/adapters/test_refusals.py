"""All or nothing: what cannot be applied is refused by name, and nothing at all has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from applying import apply, assert_bit_identical, item, output, shapes_of, state
from lora_algebras import lora_alpha
from lora_layouts import LAYOUTS, write_layers
from lora_weights import Made
from torch import Tensor

from backend.errors import (
    IncompatibleLoRAError,
    LoRAError,
    LoRAFileError,
    UnsupportedLoRAError,
)
from backend.wan.adapters.choice import Mode

LAYER = "lora_unet_blocks_1_ffn_2"
Damage = Callable[[dict[str, Tensor]], None]


def value(part: str, number: float) -> Damage:
    def damage(tensors: dict[str, Tensor]) -> None:
        tensors[f"{LAYER}.{part}"].flatten()[-1:].fill_(number)

    return damage


def without(part: str) -> Damage:
    return lambda tensors: drop(tensors, f"{LAYER}.{part}")


def drop(tensors: dict[str, Tensor], key: str) -> None:
    del tensors[key]


def shaped(part: str, *shape: int) -> Damage:
    return lambda tensors: tensors.update({f"{LAYER}.{part}": torch.ones(shape)})


def also(**parts: tuple[int, ...]) -> Damage:
    return lambda tensors: tensors.update(
        {f"{LAYER}.{part}": torch.ones(shape) for part, shape in parts.items()}
    )


def stored_as(dtype: torch.dtype, number: float) -> Damage:
    def damage(tensors: dict[str, Tensor]) -> None:
        key = f"{LAYER}.lora_down.weight"
        tensors[key] = tensors[key].to(dtype)
        tensors[key][0, 0] = number

    return damage


NAN, INF = float("nan"), float("inf")
# ffn.2 of the tiny model is [32, 48]; the files' rank is 4.
BROKEN: dict[str, tuple[Damage, type[LoRAError]]] = {
    "NaN in a factor": (value("lora_down.weight", NAN), LoRAFileError),
    "infinity in a factor": (value("lora_up.weight", INF), LoRAFileError),
    "minus infinity in a factor": (value("lora_up.weight", -INF), LoRAFileError),
    "NaN as alpha": (value("alpha", NAN), LoRAFileError),
    "NaN in fp16": (stored_as(torch.float16, NAN), LoRAFileError),
    "infinity in bf16": (stored_as(torch.bfloat16, INF), LoRAFileError),
    "NaN in float64": (stored_as(torch.float64, NAN), LoRAFileError),
    "NaN in float8_e4m3fn": (stored_as(torch.float8_e4m3fn, NAN), LoRAFileError),
    "infinity in float8_e5m2": (stored_as(torch.float8_e5m2, INF), LoRAFileError),
    "no up": (without("lora_up.weight"), LoRAFileError),
    "no down": (without("lora_down.weight"), LoRAFileError),
    "ranks that differ": (shaped("lora_up.weight", 32, 5), LoRAFileError),
    "rank 0": (also(**{"lora_up.weight": (32, 0), "lora_down.weight": (0, 48)}), LoRAFileError),
    "a vector as a factor": (shaped("lora_down.weight", 48), LoRAFileError),
    "too many rows": (shaped("lora_up.weight", 33, 4), IncompatibleLoRAError),
    "too few columns": (shaped("lora_down.weight", 4, 47), IncompatibleLoRAError),
    "a kernel on a linear layer": (shaped("lora_down.weight", 4, 48, 3, 3), IncompatibleLoRAError),
    "several alphas": (shaped("alpha", 3), LoRAFileError),
    "no alpha at all": (shaped("alpha", 0), LoRAFileError),
    "magnitudes of no axis": (also(dora_scale=(31, 1)), IncompatibleLoRAError),
    "LoRA and LoKr": (also(lokr_w1=(4, 4), lokr_w2=(8, 12)), UnsupportedLoRAError),
    "LoRA and LoHa": (
        also(hada_w1_a=(32, 2), hada_w1_b=(2, 48), hada_w2_a=(32, 2), hada_w2_b=(2, 48)),
        UnsupportedLoRAError,
    ),
    "a diff of another shape": (also(diff=(32, 47)), IncompatibleLoRAError),
    "a bias of another shape": (also(diff_b=(31,)), IncompatibleLoRAError),
    "a LoRA bias of another shape": (
        also(**{"lora_up.bias": (31,)}),
        IncompatibleLoRAError,
    ),
}


def footprint(experts: Any) -> list[tuple[Any, ...]]:
    """The module tree: path, class, parameters' identity and place, and the number of hooks."""
    return [
        (
            path,
            type(module),
            [(name, id(one), one.device, one.dtype) for name, one in own_parameters(module)],
            len(module._forward_hooks),
            len(module._forward_pre_hooks),
        )
        for model in (experts.transformer, experts.transformer_2)
        for path, module in model.named_modules()
    ]


def own_parameters(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    return module.named_parameters(recurse=False)


def good_file(experts: Any) -> Made:
    return write_layers(LAYOUTS["musubi"], lora_alpha, shapes_of(experts))


@pytest.fixture
def untouched(experts: Any) -> Iterator[Any]:
    """Experts whose bytes, modules and hooks must be as before when the test ends."""
    before = footprint(experts)
    yield experts
    assert footprint(experts) == before


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_file_after_a_good_one(
    damage: str, untouched: Any, mode: Mode, tmp_path: Path
) -> None:
    good, bad = good_file(untouched), good_file(untouched)
    change, error = BROKEN[damage]
    change(bad.tensors)
    items = [
        item("good", 1.0, both=good.save(tmp_path / "good.safetensors")),
        item("bad one", 1.0, both=bad.save(tmp_path / "bad.safetensors")),
    ]
    with pytest.raises(error, match="bad one") as caught, apply(untouched, items, mode):
        pytest.fail("a broken file was applied")
    assert caught.value.suggestions


@pytest.mark.parametrize("damage", BROKEN)
def test_a_switch_to_a_broken_file_keeps_what_is_in_force(
    damage: str, untouched: Any, mode: Mode, tmp_path: Path
) -> None:
    good, bad = good_file(untouched), good_file(untouched)
    change, error = BROKEN[damage]
    change(bad.tensors)
    kept = item("good", 0.6, both=good.save(tmp_path / "good.safetensors"))
    other = item("bad one", 1.0, both=bad.save(tmp_path / "bad.safetensors"))
    with apply(untouched, [kept], mode) as stack:
        in_force, wanted, report = state(untouched), output(untouched.transformer), stack.loras
        with pytest.raises(error, match="bad one"):
            stack.change([kept, other])
        assert_bit_identical(untouched, in_force)
        assert torch.equal(output(untouched.transformer), wanted)
        assert stack.loras == report


def test_a_file_for_another_model(untouched: Any, mode: Mode, tmp_path: Path) -> None:
    made = good_file(untouched)
    made.tensors = {key.replace("blocks_", "blocks_7"): made.tensors[key] for key in made.tensors}
    made.tensors = {key: part for key, part in made.tensors.items() if "blocks_7" in key}
    path = made.save(tmp_path / "a.safetensors")
    with (
        pytest.raises(IncompatibleLoRAError, match="far away: none of its layers"),
        apply(untouched, [item("far away", 1.0, both=path)], mode),
    ):
        pytest.fail("a file that fits nowhere was applied")


def test_two_keys_for_one_factor(untouched: Any, mode: Mode, tmp_path: Path) -> None:
    made = good_file(untouched)
    twin = f"{LAYER.replace('lora_unet_', 'lora_unet__')}.lora_down.weight"
    made.tensors[twin] = torch.ones(4, 48)
    path = made.save(tmp_path / "a.safetensors")
    with (
        pytest.raises(LoRAFileError, match="both name the same factor"),
        apply(untouched, [item("twice", 1.0, both=path)], mode),
    ):
        pytest.fail("one of two factors was chosen")


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\xff" * 64])
def test_what_is_no_lora_file(content: bytes, untouched: Any, mode: Mode, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with (
        pytest.raises(LoRAFileError, match="garbage"),
        apply(untouched, [item("garbage", 1.0, both=path)], mode),
    ):
        pytest.fail("garbage was applied")


def test_a_file_that_is_gone(untouched: Any, mode: Mode, tmp_path: Path) -> None:
    with (
        pytest.raises(LoRAFileError, match="gone"),
        apply(untouched, [item("gone", 1.0, both=tmp_path / "gone.safetensors")], mode),
    ):
        pytest.fail("a missing file was applied")
