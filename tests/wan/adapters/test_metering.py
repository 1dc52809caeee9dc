"""What applying LoRAs costs is measured, and teaches the library's estimates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.applying import two_experts
from tests.support.loras.files import tiny_model, write_lora
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.adapters.apply_mode import Mode
from wan_lora_studio.wan.lora_manager import LoRAManager

LAYER = "diffusion_model.blocks.0.self_attn.q"
SHAPES = {f"{LAYER}.lora_A.weight": (4, 32), f"{LAYER}.lora_B.weight": (32, 4)}


@pytest.fixture
def loras(tmp_path: Path) -> LoRAManager:
    tiny_model(tmp_path / "models")
    write_lora(tmp_path / "loras" / "a.safetensors", SHAPES)
    return LoRAManager(load_settings(loras_dir=tmp_path / "loras", models_dir=tmp_path / "models"))


@pytest.mark.parametrize("mode", ["merge", "runtime"])
def test_a_use_is_measured(loras: LoRAManager, mode: Mode) -> None:
    pipeline = two_experts()
    for _ in range(2):
        with loras.applied(pipeline, {"a": 1.0}, mode, model_type="demo"):
            pass
    second, first = loras.loads_seen()
    assert (first["cold"], second["cold"]) == (1, 0)  # the second time the file is in memory
    assert first["mode"] == mode
    assert first["device"] == "cpu"
    assert first["seconds"] > 0
    size = loras.files("a")["both"].stat().st_size
    assert first["host"] > size if mode == "merge" else first["host"] >= size
    assert first["gpu"] == 0
    assert loras.estimate_memory_impact(["a"], "demo")["loads_seen"] == 2


def test_nothing_is_learned_without_a_model_or_from_a_failure(loras: LoRAManager) -> None:
    pipeline = two_experts()
    with loras.applied(pipeline, {"a": 1.0}):
        pass
    with (
        pytest.raises(RuntimeError, match="stop"),
        loras.applied(pipeline, {"a": 1.0}, model_type="demo"),
    ):
        raise RuntimeError("stop")
    assert loras.loads_seen() == []
