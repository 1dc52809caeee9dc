"""Which LoRAs are accelerators, and the settings that they are for."""

from __future__ import annotations

from typing import Any

import pytest

from wan_lora_studio.lora.selection.accelerators import accelerator_of, tags_with


def record(name: str = "plain", **metadata: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": metadata.pop("title", name),
        "preferred_strengths": metadata.pop("preferred", None),
        "metadata": {"tags": [], "description": "", "usage_hint": "", **metadata},
    }


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("Wan2.2-Lightning_T2V-A14B-4steps-lora_HIGH", 4),
        ("lightx2v_cfg_step_distill_rank64", 4),
        ("Wan21_CausVid_14B_T2V_lora_rank32", 4),
        ("wan_turbo_8step", 8),
        ("Self-Forcing", 4),
    ],
)
def test_names_of_makers_are_known(name: str, steps: int) -> None:
    found = accelerator_of(record(name))
    assert found is not None
    assert (found.steps, found.guidance, found.strength) == (steps, 1.0, 1.0)


@pytest.mark.parametrize("name", ["style", "lightning_bolt_fx"[10:], "turbocharged", "first steps"])
def test_other_names_say_nothing(name: str) -> None:
    assert accelerator_of(record(name)) is None


def test_the_hint_says_how_it_is_used() -> None:
    hint = "Strength 0.9 on both experts, 6 steps, guidance 1, flow shift 3."
    found = accelerator_of(record(tags=["Accelerator", "demo"], usage_hint=hint))
    assert found is not None
    assert found.to_dict() == {"steps": 6, "guidance": 1.0, "flow_shift": 3.0, "strength": 0.9}


def test_the_preferred_strengths_go_before_the_hint() -> None:
    preferred = {"high": 1.0, "low": 0.5}
    found = accelerator_of(record("lightx2v", usage_hint="strength 0.9", preferred=preferred))
    assert found is not None
    assert found.strength == preferred


def test_a_person_decides() -> None:
    marked = record("style", tags=tags_with(["look"], accelerator=True))
    assert accelerator_of(marked) is not None
    taken_back = record("turbo look", tags=tags_with(["look", "distillation"], accelerator=False))
    assert accelerator_of(taken_back) is None
    assert taken_back["metadata"]["tags"] == ["look", "no accelerator"]
