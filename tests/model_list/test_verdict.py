"""What is said of a model on machines of several sizes, from the sizes of its layers alone."""

from __future__ import annotations

import pytest

from wan_lora_studio.model_list.machine import Machine
from wan_lora_studio.model_list.verdict import Verdict, verdict
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.memory import Footprint

GIB = 1 << 30
A14B = "t2v-A14B"
# Of A14B: one block has 351 million numbers, and 250 million are outside of the 40 blocks.
EXPERT = {f"blocks.{number}.w": 351_000_000 for number in range(40)} | {"outside": 248_000_000}


def on(gpu: int | None, memory: int, *, swap: int = 0, precision: str = "bf16") -> Verdict:
    footprint = Footprint.of_tensors(
        {
            "transformer": [EXPERT],
            "transformer_2": [EXPERT],
            "text_encoder": [{"shared": 1_000_000_000, "block": 4_681_000_000}],
            "vae": [{"decoder": 127_000_000}],
        },
        {"transformer": {"num_attention_heads": 40, "attention_head_dim": 128}, "vae": {}},
        "fp8" if precision == "fp8" else "bf16",
    )
    machine = Machine(gpu and gpu * GIB, memory * GIB, swap * GIB)
    return verdict(footprint, load_settings(), A14B, machine)


def test_a_large_card_takes_it_whole() -> None:
    found = on(141, 128)
    assert found.fits and found.words.startswith("Fits your 141 GB GPU at 1280×720")
    assert "streaming" not in found.words


@pytest.mark.parametrize("gpu", [12, 16, 24])
def test_a_card_that_people_own_takes_it_with_streaming(gpu: int) -> None:
    found = on(gpu, 96)
    assert found.fits, found.words
    assert f"your {gpu} GB GPU" in found.words and "with streaming" in found.words
    assert found.gpu <= gpu * GIB and found.memory <= 96 * GIB
    assert ("832×480" in found.words) == (gpu < 16)


def test_a_card_that_is_too_small_is_told_by_how_much() -> None:
    found = on(4, 96)
    assert not found.fits
    assert "of GPU memory, and your GPU can give 3.6 GB." in found.words


def test_memory_that_is_too_small_is_told_with_both_numbers() -> None:
    found = on(16, 16)
    assert not found.fits
    assert "of the computer's memory, and this computer can give 12.2 GB." in found.words
    assert on(16, 16, swap=64).fits


def test_eight_bits_take_less() -> None:
    assert on(16, 96, precision="fp8").memory < on(16, 96).memory


def test_without_a_gpu_all_of_it_is_in_memory() -> None:
    found = on(None, 32)
    assert not found.fits and "without a GPU" in found.words
    assert on(None, 256).fits
