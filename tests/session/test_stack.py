"""Merging what two tabs changed."""

from __future__ import annotations

import pytest

from utils import GenerationError
from wan_lora_studio.session.stack import RunSettings, StackChange, StackEntry

ENTRIES = {"a": StackEntry(1.0), "b": StackEntry(0.5, words=("neon",)), "c": StackEntry(0.25)}


def test_each_field_is_changed_alone() -> None:
    change = StackChange({"b": {"on": False}, "a": {"strength": {"high": 1, "low": 0}}})
    found = change.applied_to(ENTRIES)
    assert found["b"] == StackEntry(0.5, on=False, words=("neon",))
    assert found["a"].strength == {"high": 1.0, "low": 0.0}
    assert ENTRIES["b"].on


def test_a_late_strength_does_not_bring_back_what_is_gone() -> None:
    assert "gone" not in StackChange({"gone": {"strength": 0.4}}).applied_to(ENTRIES)
    added = StackChange({"new": {"add": True, "strength": 0.4}}).applied_to(ENTRIES)
    assert added["new"] == StackEntry(0.4)


def test_the_order_keeps_what_it_does_not_know() -> None:
    change = StackChange({"d": {"add": True, "strength": 1}}, order=("c", "gone", "a"))
    assert list(change.applied_to(ENTRIES)) == ["c", "a", "b", "d"]


def test_a_wrong_value_changes_nothing() -> None:
    with pytest.raises(GenerationError):
        StackChange({"a": None, "b": {"strength": "much"}}).applied_to(ENTRIES)


def test_run_settings_ignore_what_is_no_number() -> None:
    run = RunSettings.from_plain(
        {"steps": "many", "flow_shift": 0, "guidance_scale": 1, "other": 2}
    )
    assert run == RunSettings(guidance_scale=1.0)
    assert RunSettings.from_plain({"steps": 4.0}).steps == 4
