"""What a browser session has selected."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from utils import GenerationError
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
