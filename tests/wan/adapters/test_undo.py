"""Undo over a long session: whatever was applied, changed or switched, every byte comes back."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from torch import Tensor, bfloat16

from tests.support.applying import (
    apply,
    assert_bit_identical,
    item,
    output,
    same_bytes,
    shapes_of,
    state,
    two_experts,
)
from tests.support.loras.algebras import LINEAR_ALGEBRAS
from tests.support.loras.layouts import LAYOUTS, write_layers
from tests.support.loras.weights import Made, accelerator_file, combined_file
from wan_lora_studio.wan.adapters.apply_mode import WantedMode
from wan_lora_studio.wan.adapters.stack import AppliedStack, StackItem

Files = dict[str, dict[str, Path]]
FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory, bf16_experts: Any
) -> dict[str, dict[str, Path]]:
    """LoRAs of different algebras, layouts and layers, one of them a pair: name -> role -> file."""
    folder, shapes = tmp_path_factory.mktemp("loras"), shapes_of(bf16_experts)

    def saved(name: str, made: Made) -> Path:
        return made.save(folder / f"{name}.safetensors")

    def plain(layout: str, algebra: str) -> Made:
        return write_layers(LAYOUTS[layout], LINEAR_ALGEBRAS[algebra], shapes)

    return {
        "lora": {"both": saved("lora", plain("musubi", "LoRA with alpha"))},
        "bias": {"both": saved("bias", plain("diffusers", "LoRA with a bias"))},
        "dora": {"both": saved("dora", plain("PEFT export", "DoRA, vector"))},
        "lokr": {"both": saved("lokr", plain("LyCORIS", "LoKr, w2 split"))},
        "loha": {"both": saved("loha", plain("LyCORIS", "LoHa"))},
        "fast": {"both": saved("fast", accelerator_file(shapes))},
        "combined": {"both": saved("combined", combined_file(shapes))},
        "pair": {
            "high": saved("pair_high", plain("DiffSynth", "LoRA")),
            "low": saved("pair_low", plain("diffusion-pipe", "LoKr")),
        },
    }


def random_strength(dice: Random) -> Any:
    def number() -> float:
        return dice.choice((0.0, -1.0, 1.0, 2.5, dice.uniform(-2, 3)))

    def schedule() -> Any:
        starts = sorted(dice.sample(FRACTIONS, dice.randint(1, 3)))
        return [[start, number()] for start in starts]

    kind = dice.choice(("number", "experts", "one expert", "schedule"))
    if kind == "number":
        return number()
    if kind == "experts":
        return {"high": number(), "low": schedule()}
    if kind == "one expert":
        return {dice.choice(("high", "low")): number()}
    return schedule()


def random_stack(dice: Random, files: Files) -> list[StackItem]:
    names = dice.sample(sorted(files), dice.randint(0, 4))
    return [item(name, random_strength(dice), **files[name]) for name in names]


def other_strengths(dice: Random, items: list[StackItem]) -> list[StackItem]:
    return [item(one.name, random_strength(dice), **one.files) for one in items]


Seen = tuple[dict[str, Tensor], list[Tensor]]  # the weights, the outputs that they do not tell


def seen(experts: Any, stack: AppliedStack) -> Seen:
    beside = (experts.transformer, experts.transformer_2) if stack.mode == "runtime" else ()
    return state(experts), [output(model) for model in beside]


def fresh(items: list[StackItem], fraction: float, mode: WantedMode, bare: Any) -> Seen:
    """What this stack gives on a model that nothing else was ever applied to."""
    with apply(bare, items, mode) as stack:
        stack.at_fraction(fraction)
        return seen(bare, stack)


def assert_same(found: Seen, wanted: Seen) -> None:
    """Bit for bit."""
    assert found[0].keys() == wanted[0].keys()
    assert all(same_bytes(found[0][name], wanted[0][name]) for name in wanted[0])
    assert all(same_bytes(*pair) for pair in zip(found[1], wanted[1], strict=True))


def take_step(
    dice: Random, stack: AppliedStack, items: list[StackItem], files: Files
) -> tuple[list[StackItem], float | None]:
    """One random move; returns the stack and, if it moved, the fraction."""
    move = dice.choice(("switch", "strengths", "reorder", "fraction"))
    if move == "fraction":
        fraction = dice.choice(FRACTIONS)
        stack.at_fraction(fraction)
        return items, fraction
    if move == "switch":
        items = random_stack(dice, files)
    elif move == "strengths":
        items = other_strengths(dice, items)
    else:
        items = dice.sample(items, len(items))
    stack.change(items)
    return items, None


@pytest.mark.parametrize(("mode", "steps"), [("merge", 200), ("runtime", 60), ("auto", 60)])
def test_a_session_of_random_steps(
    mode: WantedMode, steps: int, half_experts: Any, files: Files
) -> None:
    """After each step, the very bytes of a fresh start; after all of them, those of before."""
    dice, before = Random(mode), state(half_experts)
    bare = two_experts(bfloat16)
    taken, modes = 0, set()
    while taken < steps:
        items, fraction = random_stack(dice, files), 0.0
        with apply(half_experts, items, mode) as stack:
            for _ in range(dice.randint(1, 25)):
                items, moved = take_step(dice, stack, items, files)
                fraction = fraction if moved is None else moved
                assert_same(seen(half_experts, stack), fresh(items, fraction, mode, bare))
                modes.add(stack.mode)
                taken += 1
        assert_bit_identical(half_experts, before)
    assert modes == ({"merge", "runtime"} if mode == "auto" else {mode})
