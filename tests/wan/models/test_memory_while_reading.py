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


@pytest.mark.parametrize(
    ("precision", "width"), [("bf16", 4), pytest.param("fp8", 1, marks=pytest.mark.slow)]
)
def test_the_most_at_once_is_one_expert(precision: str, width: int, tmp_path: Path) -> None:
    one = mid_size_model(tmp_path / "t2v") * width // 4
    assert one > 60_000_000 * width
    row = {**table_row("t2v", tmp_path / "t2v"), "precision": precision}
    (tmp_path / "config.json").write_text(json.dumps({"models": {"t2v": row}}), encoding="utf-8")
    command = [sys.executable, "-m", "tests.support.machine.reads_in_turn", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        peak = peak_of(process)
    assert process.returncode == 0
    before, loaded, *read, after = json.loads((tmp_path / "held.json").read_text(encoding="utf-8"))
    # A weight is read at its full width.
    assert 0.9 * one < peak - before < 1.15 * one + (LARGEST if width == 1 else 0)
    assert len(read) == 4 and all(0.9 * one < held - before < 1.15 * one for held in read)
    assert max(loaded, after) - before < 0.15 * one
