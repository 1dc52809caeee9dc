"""What a browser session has selected."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import tiny_model, write_lora
from utils import GenerationError, LoRAManager, load_settings
from wan_lora_studio.session.stack import StackChange
from wan_lora_studio.session.state import LoRAUIState


def test_a_new_state_is_empty() -> None:
    state = LoRAUIState()
    assert state.selected_loras == {}
    assert state.upload_progress == {}
    assert isinstance(state.last_refresh, datetime)
    assert state.last_refresh.tzinfo is UTC
    assert state.get_selection_summary() == {
        "selected_loras": {},
        "total_memory_impact": 0.0,
        "estimated_load_time": 0.0,
        "compatibility_warnings": [],
    }


def test_the_selection_keeps_its_order() -> None:
    state = LoRAUIState()
    state.update_selection("b", 1.0)
    state.update_selection("a", {"high": 1.0, "low": 0.4})
    state.update_selection("b", 0.5)
    assert list(state.selected_loras.items()) == [("b", 0.5), ("a", {"high": 1.0, "low": 0.4})]
    state.remove("b")
    state.remove("never there")
    assert list(state.selected_loras) == ["a"]
    state.clear_selection()
    assert state.selected_loras == {}


@pytest.mark.parametrize("strength", ["much", None, float("nan"), {"mid": 1.0}, 1e9])
def test_a_wrong_strength_changes_nothing(strength: object) -> None:
    state = LoRAUIState()
    state.update_selection("a", 1.0)
    with pytest.raises(GenerationError):
        state.update_selection("b", strength)
    assert state.selected_loras == {"a": 1.0}


def test_a_strength_of_zero_is_pointed_out() -> None:
    state = LoRAUIState()
    state.update_selection("quiet", 0)
    assert "quiet" in state.get_selection_summary()["compatibility_warnings"][0]


def test_what_is_switched_off_stays_but_is_not_sent() -> None:
    state = LoRAUIState()
    state.update_selection("a", 1.0)
    state.update_selection("b", 0.5)
    before = state.version
    state.change(StackChange({"a": {"on": False}}))
    assert state.selected_loras == {"b": 0.5}
    assert list(state.entries) == ["a", "b"]
    assert state.version == before + 1
    state.change(StackChange({"a": {"on": False}}))
    assert state.version == before + 1
    assert state.get_selection_summary()["selected_loras"] == {"b": 0.5}
    assert [item["on"] for item in state.page_state()["stack"]] == [False, True]


class Deleting(LoRAManager):
    """A library in which somebody else deletes what is asked about, just before the answer."""

    def estimate_memory_impact(self, *arguments: Any, **more: Any) -> dict[str, float]:
        self.delete_lora_file("style")
        return super().estimate_memory_impact(*arguments, **more)


def test_a_lora_that_is_deleted_between_two_questions_is_missing(tmp_path: Path) -> None:
    tiny_model(tmp_path / "models")
    write_lora(tmp_path / "loras" / "style.safetensors")
    settings = load_settings(loras_dir=tmp_path / "loras", models_dir=tmp_path / "models")
    state = LoRAUIState(Deleting(settings), "demo")
    state.update_selection("style", 1.0)
    assert [warning["kind"] for warning in state.page_state()["warnings"]] == ["missing"]
    assert state.loras is not None
    state.loras.undo_delete("style")
    assert "not in the library" in state.get_selection_summary()["compatibility_warnings"][0]
