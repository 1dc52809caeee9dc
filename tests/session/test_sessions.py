"""Browser sessions: each its own, and found again after a restart."""

from __future__ import annotations

from pathlib import Path

from utils import Documents
from wan_lora_studio.session.sessions import Sessions
from wan_lora_studio.session.stack import StackChange
from wan_lora_studio.session.state import LoRAUIState


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


def test_a_restart_finds_the_stack_again(tmp_path: Path) -> None:
    sessions = Sessions(LoRAUIState, documents=Documents(tmp_path / "sessions.sqlite"))
    key, state = sessions.open(None)
    state.update_selection("a", [[0.0, 1.0], [0.5, 0.25]])
    state.update_selection("b", 0.5)
    state.change(StackChange({"b": {"on": False, "words": ["neon"]}}, order=("b", "a")))
    state.set_accelerated({"name": "a", "before": {"steps": 20}})
    sessions.keep(key)

    again = Sessions(LoRAUIState, documents=Documents(tmp_path / "sessions.sqlite"))
    found_key, found = again.open(key)
    assert found_key == key
    assert list(found.entries) == ["b", "a"]
    assert found.to_plain() == state.to_plain()
    points = [[0.0, 1.0], [0.5, 0.25]]
    assert found.selected_loras == {"a": {"high": points, "low": points}}


def test_a_kept_state_of_another_kind_starts_empty(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "sessions.sqlite")
    documents.put("key", {"entries": {"a": {"strength": "much"}}, "version": 1})
    key, state = Sessions(LoRAUIState, documents=documents).open("key")
    assert key == "key"
    assert state.entries == {}
