"""Models of other programs, as the shell lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import header_only as made
from wan_lora_studio.ui.command_line.entry import main


def test_what_other_programs_have_is_listed_with_what_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "ComfyUI" / "models" / "diffusion_models"
    five, expert = made.transformer("wan2.2-ti2v-5B"), made.transformer("wan2.2-i2v-A14B")
    made.safetensors(folder / "wan2.2_ti2v_5B_fp16.safetensors", five, "F16")
    alone = made.safetensors(folder / "wan2.2_i2v_high_noise_14B.safetensors", expert)
    monkeypatch.setenv("WAN_LORA_EXTRA_MODEL_PATHS", str(tmp_path / "ComfyUI"))
    places = [f"--{name}-dir={tmp_path / name}" for name in ("loras", "models", "data", "outputs")]
    assert main([*places, "models", "list"]) == 0
    said = capsys.readouterr().out
    assert "Wan2.2 TI2V-5B · fp16 (wan2.2_ti2v_5B_fp16)" in said
    rows, _, rest = said.partition("Files of other programs that are not offered (1):")
    assert "wan2.2_i2v_high_noise" not in rows
    assert str(alone) in rest and '{"models": {' in rest
