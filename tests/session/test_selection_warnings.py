"""The warnings of a selection over a real library, and a tiny model with two experts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import add_pair, tiny_model, write_lora
from utils import LoRAManager, LoRASelection, load_settings
from wan_lora_studio.session.selection_warnings import SelectionCheck
from wan_lora_studio.session.stack import RunSettings


@pytest.fixture
def loras(tmp_path: Path) -> LoRAManager:
    tiny_model(tmp_path / "models")
    root = tmp_path / "loras"
    write_lora(root / "style.safetensors", seed=1)
    write_lora(root / "lightning_4steps.safetensors", seed=2)
    write_lora(root / "turbo.safetensors", seed=3)
    write_lora(root / "half_low_noise.safetensors", seed=4)
    add_pair(root, "pair")
    (root / "broken.safetensors").write_bytes(b"no")
    return LoRAManager(load_settings(loras_dir=root, models_dir=tmp_path / "models"))


def kinds(loras: LoRAManager, selection: dict[str, Any], **run: Any) -> dict[str, str]:
    chosen = LoRASelection.parse(selection)
    check = SelectionCheck(chosen, loras, "demo", RunSettings.from_plain(run))
    return {warning.kind: warning.text for warning in check.warnings()}


def test_a_selection_that_fits_has_no_warning(loras: LoRAManager) -> None:
    assert kinds(loras, {"style": 0.8, "pair": {"high": 1.0, "low": 0.5}}) == {}


def test_missing_broken_and_half_are_told(loras: LoRAManager) -> None:
    found = kinds(loras, {"gone": 1.0, "broken": 1.0, "half_low_noise": 1.0, "style": 0.0})
    assert set(found) == {"missing", "broken", "half", "zero"}
    assert "gone" in found["missing"]
    assert "high-noise" in found["half"]


def test_an_open_question_is_asked_before_the_run(loras: LoRAManager, tmp_path: Path) -> None:
    write_lora(tmp_path / "loras" / "high_motion.safetensors", seed=5)
    loras.refresh()
    text = kinds(loras, {"high_motion": 1.0})["unsure"]
    assert text == (
        "high_motion may be for one expert only, but goes to both until you say which:"
        " “high” in the file name may mean the high-noise expert."
    )
    loras.edit_lora_metadata("high_motion", {"expert": "both"})
    assert kinds(loras, {"high_motion": 1.0}) == {}


def test_two_accelerators_and_guidance(loras: LoRAManager) -> None:
    found = kinds(loras, {"lightning_4steps": 1.0, "turbo": 1.0}, guidance_scale=4)
    assert set(found) == {"accelerators", "guidance"}
    assert "guidance is 4" in found["guidance"]
    assert kinds(loras, {"turbo": 1.0}, guidance_scale=1, guidance_scale_2=1) == {}
    assert "guidance" in kinds(loras, {"turbo": 1.0}, guidance_scale=1, guidance_scale_2=3)


def test_a_warning_calls_a_lora_by_its_title(loras: LoRAManager) -> None:
    loras.edit_lora_metadata("turbo", {"title": "Very fast"})
    assert kinds(loras, {"turbo": 1.0}, guidance_scale=4)["guidance"].startswith("Very fast is")
    assert kinds(loras, {"turbo": 0.0}, guidance_scale=1)["zero"].startswith("Very fast has")


def test_an_expert_without_steps_is_told(loras: LoRAManager) -> None:
    run = {"steps": 2, "flow_shift": 12.0}
    found = kinds(loras, {"style": {"high": 0.0, "low": 1.0}}, **run)
    assert found["no-step"].endswith("so style changes nothing.")
    assert "low-noise expert" in kinds(loras, {"style": 1.0}, **run)["no-step"]
    assert "no-step" not in kinds(loras, {"style": 1.0}, steps=4, flow_shift=3.0)


def test_a_model_that_is_not_there_is_told(loras: LoRAManager) -> None:
    check = SelectionCheck(LoRASelection.parse({"style": 1.0}), loras, "t2v-A14B")
    assert [warning.kind for warning in check.warnings()] == ["unfit"]
