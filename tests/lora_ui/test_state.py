"""What a browser session has selected."""

from __future__ import annotations

import pytest

from lora_ui.state import LoRAUIState, Sessions
from utils import GenerationError


def test_a_new_state_is_empty() -> None:
    state = LoRAUIState()
    assert state.selected_loras == {}
    assert state.upload_progress == {}
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


def test_each_browser_has_its_own_state() -> None:
    sessions = Sessions(LoRAUIState)
    first_key, first = sessions.open(None)
    second_key, second = sessions.open(None)
    first.update_selection("a", 1.0)
    assert first_key != second_key
    assert second.selected_loras == {}
    assert sessions.open(first_key) == (first_key, first)


def test_an_unknown_key_opens_a_new_session() -> None:
    sessions = Sessions(LoRAUIState)
    key, _ = sessions.open("made up")
    assert key != "made up"


def test_the_oldest_sessions_are_forgotten() -> None:
    sessions = Sessions(LoRAUIState, limit=2)
    oldest, state = sessions.open(None)
    sessions.open(None)
    sessions.open(None)
    assert sessions.open(oldest)[1] is not state
