"""All or nothing: what cannot be applied is refused by name, and nothing at all has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.applying import apply, assert_bit_identical, item, output, shapes_of, state
from tests.support.loras.broken import BROKEN, LAYER, good_file
from wan_lora_studio.errors import (
    IncompatibleLoRAError,
    LoRAFileError,
)
from wan_lora_studio.wan.adapters.apply_mode import Mode


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
    good, bad = good_file(shapes_of(untouched)), good_file(shapes_of(untouched))
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
    good, bad = good_file(shapes_of(untouched)), good_file(shapes_of(untouched))
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
    made = good_file(shapes_of(untouched))
    made.tensors = {key.replace("blocks_", "blocks_7"): made.tensors[key] for key in made.tensors}
    made.tensors = {key: part for key, part in made.tensors.items() if "blocks_7" in key}
    path = made.save(tmp_path / "a.safetensors")
    with (
        pytest.raises(IncompatibleLoRAError, match="far away: none of its layers"),
        apply(untouched, [item("far away", 1.0, both=path)], mode),
    ):
        pytest.fail("a file that fits nowhere was applied")


def test_two_keys_for_one_factor(untouched: Any, mode: Mode, tmp_path: Path) -> None:
    made = good_file(shapes_of(untouched))
    twin = f"{LAYER.replace('lora_unet_', 'lora_unet__')}.lora_down.weight"
    made.tensors[twin] = torch.ones(4, 48)
    path = made.save(tmp_path / "a.safetensors")
    with (
        pytest.raises(LoRAFileError, match="name the same factor"),
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
