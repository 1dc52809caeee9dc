"""Which weights are in the computer's memory at once, by how much of it there is."""

from __future__ import annotations

import pytest

from wan_lora_studio.wan.models.host_memory import ENCODER_STAYS_FROM, HostMemory

GB = 10**9
GIB = 1 << 30
ENCODER, VAE = 11_360_000_000, 510_000_000
EXPERTS = {"bf16": 28_580_000_000, "fp8": 14_300_000_000, "Q4_K_M": 9_700_000_000}
BOTH = ("transformer", "transformer_2")
ALL = ("text_encoder", *BOTH)


def held(memory: int, expert: int, *, second: bool = True, encoder: int = ENCODER) -> HostMemory:
    weights = {"text_encoder": encoder, "transformer": expert, "vae": VAE}
    if second:
        weights["transformer_2"] = expert
    return HostMemory(weights, memory)


@pytest.mark.parametrize(
    ("precision", "gib", "passing"),
    [
        ("bf16", 128, ()),
        ("bf16", 96, ()),
        ("bf16", 64, BOTH),
        ("bf16", 48, BOTH),
        ("bf16", 32, ALL),
        ("fp8", 64, ()),
        ("fp8", 48, ()),
        ("fp8", 32, ALL),
        ("fp8", 40, ALL),
        ("Q4_K_M", 48, ()),
        ("Q4_K_M", 40, ("text_encoder",)),
        ("Q4_K_M", 32, ALL),
        ("Q4_K_M", 16, ALL),
    ],
)
def test_what_passes_through_memory(precision: str, gib: int, passing: tuple[str, ...]) -> None:
    assert held(gib * GIB, EXPERTS[precision]).on_call == passing


def test_one_expert_alone_has_no_other_to_make_way_for() -> None:
    alone = held(16 * GIB, EXPERTS["bf16"], second=False)
    assert alone.on_call == ("text_encoder",)
    assert held(64 * GIB, 60 * GB, second=False).on_call == ("text_encoder",)


def test_the_encoder_goes_below_the_named_size_whatever_the_model() -> None:
    assert held(ENCODER_STAYS_FROM - 1, GB).encoder_leaves
    assert not held(ENCODER_STAYS_FROM, GB).encoder_leaves
    assert not held(8 * GIB, GB, encoder=0).encoder_leaves


@pytest.mark.parametrize(
    ("gib", "most"),
    [
        (128, 2 * EXPERTS["bf16"] + ENCODER + VAE),
        (64, EXPERTS["bf16"] + ENCODER + VAE),
        (32, EXPERTS["bf16"] + VAE),
    ],
)
def test_most_bytes_at_once(gib: int, most: int) -> None:
    assert held(gib * GIB, EXPERTS["bf16"]).most == most
