"""How much memory reading takes: a model's experts come one by one, each without a second copy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from diffusers import WanTransformer3DModel
from safetensors.torch import save_file

from tests.support.machine.anonymous_memory import peak_of
from tests.support.paths import ROOT
from tests.support.tiny_models import TEXT_DIM, Z_DIM, save_tiny_model, table_row

# Real weights are so large that the system takes each back as soon as it is freed.
AS_FOR_LARGE = {"MALLOC_MMAP_THRESHOLD_": "1000000"}
LARGEST = 4 * 1024 * 4096  # bytes of the largest weight at full width
WEIGHTS = "diffusion_pytorch_model.safetensors"


def mid_size_model(folder: Path) -> int:
    """A model of two experts, and the bytes of one of them in memory."""
    save_tiny_model(folder, "t2v")
    model = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=8,
        attention_head_dim=128,
        in_channels=Z_DIM,
        out_channels=Z_DIM,
        text_dim=TEXT_DIM,
        freq_dim=32,
        ffn_dim=4096,
        num_layers=4,
        rope_max_seq_len=64,
    )
    high, low = folder / "transformer", folder / "transformer_2"
    for each in (high, low):
        model.save_config(each)
        (each / WEIGHTS).unlink()
    halves = {name: value.bfloat16() for name, value in model.state_dict().items()}
    save_file(halves, high / WEIGHTS)  # read as fp32, so that nothing in memory is the file
    os.link(high / WEIGHTS, low / WEIGHTS)
    return sum(parameter.nbytes for parameter in model.parameters())


def held_by(folder: Path, precision: str) -> tuple[int, list[int]]:
    """The most anonymous bytes of a process that reads the model's experts in turn, and those after
    it was loaded, after each reading, and when they had gone; all beyond what it began with."""
    row = {**table_row("t2v", folder / "t2v"), "precision": precision}
    (folder / "config.json").write_text(json.dumps({"models": {"t2v": row}}), encoding="utf-8")
    command = [sys.executable, "-m", "tests.support.machine.reads_in_turn", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **AS_FOR_LARGE}) as process:
        peak = peak_of(process)
    assert process.returncode == 0
    before, *held = json.loads((folder / "held.json").read_text(encoding="utf-8"))
    return peak - before, [each - before for each in held]


def test_the_most_at_once_is_one_expert(tmp_path: Path) -> None:
    one = mid_size_model(tmp_path / "t2v")
    assert one > 250_000_000
    peak, (loaded, *read, after) = held_by(tmp_path, "bf16")
    assert 0.9 * one < peak < 1.15 * one
    assert len(read) == 4 and all(0.9 * one < held < 1.15 * one for held in read)
    assert max(loaded, after) < 0.15 * one


@pytest.mark.slow
def test_in_eight_bits_each_weight_is_made_narrow_as_it_is_read(tmp_path: Path) -> None:
    full = mid_size_model(tmp_path / "t2v")
    peak, (loaded, *read, after) = held_by(tmp_path, "fp8")
    assert max(read) < 0.5 * full
    assert peak < 1.15 * max(read) + 2 * LARGEST
    assert max(loaded, after) < 0.15 * full
