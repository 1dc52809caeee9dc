"""LoRA sets: kept under a name, taken along as a file, read from WanGP's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import add_pair, write_lora
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.selection.set_files import SetItem
from wan_lora_studio.lora.selection.sets import LoRASets
from wan_lora_studio.settings import load_settings

STYLE = SetItem("style", {"high": 1.0, "low": [[0.0, 0.5], [0.75, 0.0]]})
MOTION = SetItem("motion", 0.5, on=False)


@pytest.fixture
def sets(tmp_path: Path) -> Iterator[LoRASets]:
    made = LoRASets(load_settings(data_dir=tmp_path / "data"))
    yield made
    made.close()


def records(library: LoRALibrary) -> dict[str, dict[str, Any]]:
    return library.list_available_loras()


def test_a_set_is_kept_whole_and_in_order(sets: LoRASets, tmp_path: Path) -> None:
    assert sets.save("  Evening \n look ", [STYLE, MOTION]) == "Evening look"
    again = LoRASets(load_settings(data_dir=tmp_path / "data"))
    assert again.list() == {"Evening look": (STYLE, MOTION)}


def test_a_taken_name_is_replaced_only_when_asked(sets: LoRASets) -> None:
    sets.save("look", [STYLE])
    with pytest.raises(LoRAError, match="already"):
        sets.save("LOOK", [MOTION])
    sets.save("LOOK", [MOTION], replace=True)
    assert sets.list() == {"LOOK": (MOTION,)}


@pytest.mark.parametrize("name", ["", "  \n", "x" * 101])
def test_a_set_needs_a_name(sets: LoRASets, name: str) -> None:
    with pytest.raises(LoRAError, match="name"):
        sets.save(name, [STYLE])


def test_rename_and_delete(sets: LoRASets) -> None:
    sets.save("one", [STYLE])
    sets.save("two", [MOTION])
    with pytest.raises(LoRAError, match="already"):
        sets.rename("one", "Two")
    assert sets.rename("one", "One") == "One"
    assert sets.delete("One") == (STYLE,)
    with pytest.raises(LoRAError, match="no set"):
        sets.delete("One")
    assert list(sets.list()) == ["two"]


def test_an_exported_set_comes_back_the_same(sets: LoRASets) -> None:
    sets.save("look", [STYLE, MOTION])
    text = json.dumps(sets.to_file("look"))
    assert sets.add_file(text, "look.json", {}).name == "look 2"
    assert sets.get("look 2") == (STYLE, MOTION)


def test_a_set_finds_a_renamed_file_by_its_hash(
    sets: LoRASets, library: LoRALibrary, root: Path
) -> None:
    write_lora(root / "new name.safetensors")
    known = library.sha256("new name")
    sets.save("look", [SetItem("old name", 0.7, True, known)])
    sets.add_file(json.dumps(sets.to_file("look")), "look.json", records(library))
    assert [item.name for item in sets.get("look 2")] == ["new name"]


def test_a_profile_of_wangp_with_three_phases_is_read(sets: LoRASets) -> None:
    profile = {
        "num_inference_steps": 8, "guidance_phases": 3, "guidance_scale": 3.5,
        "guidance2_scale": 1, "guidance3_scale": 1, "switch_threshold": 985,
        "switch_threshold2": 800, "model_switch_phase": 2, "flow_shift": 5,
        "activated_loras": ["https://host/a/fast_HIGH.safetensors", "fast_LOW.safetensors"],
        "loras_multipliers": "0;1;0 0;0;1",
    }  # fmt: skip
    found = sets.add_file(json.dumps(profile), "fast.lset", {})
    assert {item.name: item.strength for item in found.items} == {
        "fast_HIGH": {"high": [[0.0, 0.0], [0.125, 1.0]], "low": 0.0},
        "fast_LOW": {"high": 0.0, "low": 1.0},
    }
    assert "phases 1 and 2 as high noise" in found.notes[0]


def test_an_lset_of_wangp_is_read(sets: LoRASets, library: LoRALibrary, root: Path) -> None:
    write_lora(root / "film look.safetensors", seed=3)
    add_pair(root, "motion")
    lset = {
        "loras": [
            "film look.safetensors",
            "motion_high_noise.safetensors",
            "sub\\motion_low_noise.safetensors",
            "not here.safetensors",
        ],
        "loras_mult": "0.8 1;0 0;0.6 0.5,0.25",
        "prompt": "# a comment\na quiet street",
        "full_prompt": False,
    }
    found = sets.add_file(json.dumps(lset), "My preset.lset", records(library))
    name, prompt = found.name, found.prompt
    assert (name, prompt) == ("My preset", "a quiet street")
    points = [[0.0, 0.5], [0.5, 0.25]]
    assert {item.name: item.strength for item in sets.get(name)} == {
        "film look": 0.8,
        "motion": {"high": 1.0, "low": 0.6},
        "not here": {"high": points, "low": points},
    }


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"loras": 3}',
        '{"loras": []}',
        '{"loras": ["a"], "loras_mult": "much"}',
        '{"format": "wan-lora-set", "loras": [{"name": "a"}]}',
        '{"format": "wan-lora-set", "loras": [{"name": "a", "strength": "much"}]}',
        '{"format": "wan-lora-set", "loras": [3]}',
        '{"format": "wan-lora-set", "loras": null}',
    ],
)
def test_a_file_that_is_no_set_is_refused_in_words(sets: LoRASets, text: str) -> None:
    with pytest.raises(LoRAError, match=r"bad\.lset cannot be imported"):
        sets.add_file(text, "bad.lset", {})
    assert sets.list() == {}
