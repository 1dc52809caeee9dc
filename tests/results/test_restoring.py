"""From a video's metadata back to the form: LoRAs by hash, by name, and what is missing."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.support.result_files import WANGP, metadata
from wan_lora_studio.results.reading import facts_of, read_facts
from wan_lora_studio.results.restoring import Restored, restore
from wan_lora_studio.settings import load_settings

SETTINGS = load_settings()
ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64


def record(*hashes: str, pair: str = "", file: str = "x", status: str = "ok") -> dict[str, Any]:
    roles = ["high", "low"] if pair else ["both"]
    names = [f"{pair}_HIGH", f"{pair}_LOW"] if pair else [file]
    return {
        "status": status,
        "sha256s": dict(zip(roles, hashes, strict=True)),
        "files": {r: f"style/{n}.safetensors" for r, n in zip(roles, names, strict=True)},
    }


def restored(records: dict[str, Any], loras: dict[str, Any], hashes: dict[str, Any]) -> Restored:
    reports = {name: {"sha256": sha256} for name, sha256 in hashes.items()}
    return restore(facts_of(metadata(reports, selected_loras=loras)), records, SETTINGS)


def test_every_field_comes_back() -> None:
    found = restored({}, {}, {})
    assert found.fields["seed"] == 7
    assert found.fields["model_type"] == "demo"
    assert "id" not in found.fields and "selected_loras" not in found.fields


def test_what_a_video_does_not_say_is_its_models_default() -> None:
    data = {name: WANGP[name] for name in ("prompt", "model_type", "resolution")}
    found = restore(facts_of({**data, "seed": -1}), {}, SETTINGS)
    assert found.fields["steps"] == SETTINGS.models["t2v-A14B"].steps
    assert found.fields["width"] == 832
    assert found.fields["seed"] is None


def test_the_hash_counts_more_than_the_name() -> None:
    records = {"neon": record(TWO), "renamed": record(ONE)}
    found = restored(records, {"neon": 0.8}, {"neon": ONE})
    assert found.selected_loras == {"renamed": 0.8}
    assert found.found[0].by == "hash"


def test_the_name_has_to_do_where_no_hash_is_known() -> None:
    found = restored({"neon": record("")}, {"neon": {"high": 1, "low": 0.5}}, {"neon": ONE})
    assert found.selected_loras == {"neon": {"high": 1.0, "low": 0.5}}
    assert (found.found[0].by, found.notes) == ("name", [])


def test_another_file_of_the_same_name_is_told() -> None:
    found = restored({"neon": record(TWO)}, {"neon": 1.0}, {"neon": ONE})
    assert found.selected_loras == {"neon": 1.0}
    assert found.found[0].differs
    assert "neon" in found.notes[0]


def infotext(*hashes: str) -> str:
    said = ", ".join(f'"lora:ink{at}": "{each}"' for at, each in enumerate(hashes))
    tags = " ".join(f"<lora:ink{at}:0.8>" for at in range(len(hashes)))
    return f"a fox {tags}\nSteps: 4, Seed: 1, CFG scale: 1, Hashes: {{{said}}}"


def test_the_beginning_of_a_hash_finds_a_renamed_lora() -> None:
    data = "c" * 12
    records = {
        "renamed": record(ONE),
        "by tensors": {**record(TWO), "hashes": [TWO[:10], data]},
    }
    facts = read_facts(io.BytesIO(infotext(ONE[:10], data, "f" * 10).encode()))
    found = restore(facts, records, SETTINGS)
    assert found.selected_loras == {"renamed": 0.8, "by tensors": 0.8}
    assert {item.by for item in found.found} == {"hash"}
    assert [(item["name"], item["hashes"]) for item in found.missing] == [("ink2", ["f" * 10])]


def test_another_file_of_the_same_name_is_told_by_its_short_hashes() -> None:
    both = {**record(TWO), "hashes": [TWO[:10], "d" * 12]}
    facts = read_facts(io.BytesIO(infotext(ONE[:10]).encode()))
    assert restore(facts, {"ink0": both}, SETTINGS).found[0].differs
    assert not restore(facts, {"ink0": record("")}, SETTINGS).found[0].differs


def test_what_is_missing_is_named_and_the_rest_loads() -> None:
    records = {"here": record(ONE), "broken": record(THREE, status="corrupt")}
    chosen = {"here": 1.0, "gone": 0.5, "broken": 0.3}
    found = restored(records, chosen, {"here": ONE, "gone": TWO, "broken": THREE})
    assert found.selected_loras == {"here": 1.0}
    assert [(item["name"], item["sha256"]) for item in found.missing] == [
        ("gone", {"both": TWO}),
        ("broken", {"both": THREE}),
    ]


def test_a_pair_that_was_split_since() -> None:
    records = {"a": record(ONE), "b": record(TWO)}
    strength = {"high": 0.9, "low": 0.4}
    found = restored(records, {"pair": strength}, {"pair": {"high": ONE, "low": TWO}})
    assert found.selected_loras == {"a": {"high": 0.9, "low": 0.0}, "b": {"high": 0.0, "low": 0.4}}


def test_two_files_of_wangp_that_are_a_pair_here() -> None:
    found = restore(facts_of(WANGP), {"style": record(ONE, TWO, pair="style")}, SETTINGS)
    assert found.selected_loras == {"style": {"high": 0.9, "low": 0.7}}


def test_a_model_that_is_not_here_is_told() -> None:
    found = restore(facts_of(metadata(model_type="wan9")), {}, SETTINGS)
    assert "model_type" not in found.fields
    assert "wan9" in found.notes[0]


def test_a_strength_that_cannot_be_read_is_told() -> None:
    found = restored({"neon": record(ONE)}, {"neon": "strong", "gone": 1.0}, {})
    assert found.selected_loras == {}
    assert "neon" in found.notes[0]
    assert found.missing[0]["name"] == "gone"


def test_a_lora_that_the_run_went_on_without_is_not_selected_and_told() -> None:
    reports = {
        "skipped": {"outcome": "skipped", "reason": "memory ran out", "sha256": ONE},
        "gone": {"outcome": "skipped", "reason": "It is not in the library.", "sha256": {}},
        "here": {"outcome": "applied", "reason": "", "sha256": TWO},
    }
    chosen = {"skipped": 1.0, "gone": 0.5, "here": 0.8}
    data = {**metadata(reports, selected_loras=chosen), "prompt_used": "a red circle moving left"}
    found = restore(facts_of(data), {"skipped": record(ONE), "here": record(TWO)}, SETTINGS)
    assert found.selected_loras == {"here": 0.8}
    assert [item.name for item in found.found] == ["here"] and found.missing == []
    assert found.fields["prompt"] == "a red circle moving left"
    first, second = found.notes
    assert "skipped was left out" in first and ": memory ran out. It is not selected" in first
    assert "gone was left out" in second and "library. It is not selected" in second


def test_what_stood_in_for_a_lora_is_in_the_prompt() -> None:
    report = {"outcome": "fallback", "reason": "NaN", "replacement": "glowing", "sha256": ONE}
    data = metadata({"neon": report}, prompt="a lamp", selected_loras={"neon": 1.0})
    found = restore(
        facts_of({**data, "prompt_used": "a lamp, glowing"}), {"neon": record(ONE)}, SETTINGS
    )
    assert (found.fields["prompt"], found.selected_loras) == ("a lamp, glowing", {})
    assert "neon was left out" in found.notes[0] and "in the prompt now" in found.notes[0]
    silent = {**report, "replacement": ""}
    data = metadata({"neon": silent}, prompt="a lamp", selected_loras={"neon": 1.0})
    found = restore(facts_of({**data, "prompt_used": "a lamp"}), {}, SETTINGS)
    assert found.fields["prompt"] == "a lamp" and "prompt" not in found.notes[0]


def test_frames_in_tiles_are_told() -> None:
    measure = {"action": "vae_tiling", "stage": "decode", "detail": "in tiles"}
    for told in ({"environment": {"vae_tiling": True}}, {"recoveries": [measure]}):
        found = restore(facts_of({**metadata(), **told}), {}, SETTINGS)
        assert len(found.notes) == 1 and "tiles" in found.notes[0]
    plain = {"environment": {"vae_tiling": False}, "recoveries": [{"action": "offload"}, 1]}
    assert restore(facts_of({**metadata(), **plain}), {}, SETTINGS).notes == []


def test_other_files_of_the_model_are_told() -> None:
    data = {**metadata(), "model": {"fingerprint": ONE}}
    for here, count in ((ONE, 0), (TWO, 1), (None, 0)):
        found = restore(facts_of(data), {}, SETTINGS, here)
        assert len(found.notes) == count
        assert all(SETTINGS.models["demo"].title in note for note in found.notes)
    assert restore(facts_of(metadata()), {}, SETTINGS, ONE).notes == []


@pytest.mark.parametrize(
    ("then", "told"), [("bf16", False), (None, False), (7, False), ("fp8", True)]
)
def test_weights_of_another_precision_are_told(then: Any, told: bool) -> None:
    data = {**metadata(), "environment": {"precision": then}}
    notes = restore(facts_of(data), {}, SETTINGS).notes
    assert [("fp8" in note and "bf16" in note) for note in notes] == [True] * told


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ({"attention": "native", "first_block_cache": 0.0}, []),
        ({"attention": "sage", "first_block_cache": 0}, ["sage"]),
        ({"attention": "native", "first_block_cache": 0.08}, ["0.08"]),
        ({"attention": 7, "first_block_cache": "0.1"}, []),
        ({}, []),
    ],
)
def test_what_was_faster_is_told(then: dict[str, Any], told: list[str]) -> None:
    notes = restore(facts_of({**metadata(), "environment": then}), {}, SETTINGS).notes
    assert len(notes) == len(told)
    assert all(word in note for word, note in zip(told, notes, strict=True))


def test_one_half_of_a_pair_that_is_another_file_is_told() -> None:
    then = {"style": {"high": ONE, "low": TWO}}
    found = restored({"style": record(ONE, THREE, pair="style")}, {"style": 1.0}, then)
    assert found.found[0].differs and "style" in found.notes[0]


def test_a_second_file_that_came_later_gets_nothing() -> None:
    pair = {"style": record(ONE, TWO, pair="style")}
    found = restored(pair, {"style": 0.8}, {"style": {"high": ONE}})
    assert found.selected_loras == {"style": {"high": 0.8, "low": 0.0}}
    assert found.notes == []
    found = restored(pair, {"style": 0.8}, {"style": ONE})  # it was for both experts then
    assert found.found[0].differs and "experts" in found.notes[0]


def test_a_missing_one_may_be_among_those_that_are_not_hashed_yet() -> None:
    records = {"renamed": record(""), "other": record(TWO)}
    found = restored(records, {"neon": 1.0}, {"neon": ONE})
    assert [item["name"] for item in found.missing] == ["neon"]
    assert "1 LoRA" in found.notes[0] and "neon" in found.notes[0]
    assert restored({"other": record(TWO)}, {"neon": 1.0}, {"neon": ONE}).notes == []


def test_reports_that_are_none_do_no_harm() -> None:
    odd = {"outcome": ["skipped"], "reason": 5, "replacement": {}, "sha256": 7}
    data = metadata({"neon": odd, "gold": "x"}, selected_loras={"neon": 1.0, "gold": 1.0})
    data |= {"prompt_used": 3, "model": "x", "environment": [], "recoveries": {}}
    found = restore(facts_of(data), {"neon": record(ONE), "gold": record(TWO)}, SETTINGS, ONE)
    assert found.selected_loras == {"neon": 1.0, "gold": 1.0} and found.notes == []
