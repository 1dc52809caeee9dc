"""From a video's metadata back to the form: LoRAs by hash, by name, and what is missing."""

from __future__ import annotations

from typing import Any

from result_files import WANGP, metadata

from backend.results.reading import facts_of
from backend.results.restoring import Restored, restore
from backend.settings import load_settings

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
