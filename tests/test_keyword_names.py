"""A LoRA's name may be given as `name` or `lora_name`, several likewise."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import write_lora
from utils import LoRAManager, LoRAUploadHandler, Settings, load_settings
from wan_lora_studio.keyword_names import ALIKE
from wan_lora_studio.session.state import LoRAUIState


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    write_lora(tmp_path / "loras" / "style.safetensors")
    return load_settings(**folders)


@pytest.mark.parametrize("word", ["name", "lora_name"])
def test_a_lora_is_managed_by_either_name(settings: Settings, word: str) -> None:
    loras: Any = LoRAManager(settings)
    uploads: Any = LoRAUploadHandler(settings, loras)
    key = {word: "style"}
    several = {f"{word}s": ["style"]}
    assert loras.get_lora_metadata(**key)["name"] == "style"
    assert loras.validate_lora_compatibility(**key, model_type="demo") is False
    assert loras.explain_compatibility(**key, model_type="demo").verdict == "unknown"
    assert loras.with_pins({}).explain_compatibility(**key, model_type="demo").reasons
    assert loras.estimate_memory_impact(**several)["total_mb"] >= 0
    assert uploads.generate_thumbnail(**key)
    assert loras.delete_lora_file(**key)
    assert loras.undo_delete(**key)


@pytest.mark.parametrize("word", ["name", "lora_name"])
def test_a_lora_is_selected_by_either_name(word: str) -> None:
    state: Any = LoRAUIState()
    state.update_selection(**{word: "style"}, strength=0.8)
    assert state.selected_loras == {"style": 0.8}
    state.remove(**{word: "style"})
    assert state.selected_loras == {}


def test_both_or_neither_is_a_type_error_in_words() -> None:
    state: Any = LoRAUIState()
    for given in ({"name": "a", "lora_name": "a"}, {"lora_name": "a"}):
        arguments = () if "name" in given else ("a",)
        with pytest.raises(TypeError, match="takes name or lora_name, not both"):
            state.update_selection(*arguments, **given, strength=1.0)
    with pytest.raises(TypeError, match=r"update_selection\(\) needs name \(or lora_name\)"):
        state.update_selection(strength=1.0)


@pytest.mark.parametrize("kind", [LoRAManager, LoRAUploadHandler, LoRAUIState])
def test_no_public_method_is_left_out(kind: type) -> None:
    for attribute, method in inspect.getmembers(kind, inspect.isfunction):
        named = ALIKE.keys() & inspect.signature(method).parameters.keys()
        if named and not attribute.startswith("_"):
            alias = ALIKE[named.pop()]
            with pytest.raises(TypeError, match="not both"):
                method(*[None] * 9, **{alias: None})
