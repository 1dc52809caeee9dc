"""Pairs and open roles in a library: names from public lists, twins, candidates."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import layer_keys, musubi, write_lora
from tests.support.loras.names import WILD
from wan_lora_studio.lora.index.entries import OFFERED, make_entries
from wan_lora_studio.lora.inspection.role_evidence import find_role
from wan_lora_studio.lora.inspection.role_words import name_role
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings


def fill(root: Path, names: Iterable[str], **more: Any) -> None:
    for seed, name in enumerate(names):
        write_lora(root / f"{name.removesuffix('.safetensors')}.safetensors", seed=seed, **more)


def by_path(library: LoRALibrary) -> dict[str, tuple[str, dict[str, Any]]]:
    """Path → its role ("unsure" if it's open) and its record."""
    return {
        path: (record["expert"] if role == "both" else role, record)
        for record in library.list_available_loras().values()
        for role, path in record["files"].items()
    }


def groups(library: LoRALibrary) -> set[tuple[str, ...]]:
    return {tuple(record["files"].values()) for record in library.list_available_loras().values()}


@pytest.mark.parametrize("which", ["public", "more"])
def test_names_in_the_wild(library: LoRALibrary, root: Path, which: str) -> None:
    cases = WILD[which]
    fill(root, [path for path, _, _ in cases])
    found = by_path(library)
    assert {path: found[path][0] for path, _, _ in cases} == {path: role for path, role, _ in cases}
    partners: dict[str, set[str]] = {}
    for path, _, pair in cases:
        if pair:
            partners.setdefault(pair, set()).add(path)
    for path, _, pair in cases:
        wanted = partners[pair] if pair else {path}
        assert set(found[path][1]["files"].values()) == wanted, path


@pytest.mark.parametrize(
    ("halves", "name", "way"),
    [
        (("style_HIGH", "style_LOW"), "style", "name"),
        (("iMoon_A_HIGH v2", "iMoon - A_LOW v2"), "iMoon_A_v2", "name"),
        (("walk-100epoc-high-k", "walk-154epoc-low-k"), "walk-k", "near_name"),
        (("x_HIGH_e320", "x_LOW_e496"), "x", "near_name"),
        (("x HIGH", "x LOW v2"), "x", "near_name"),
        (("x_HIGH_rank128", "x_LOW_rank64"), "x", "near_name"),
        (("x_high_000002500", "x_low_000003000"), "x", "near_name"),
        (("x_HIGH_fp16", "x_LOW_bf16"), "x", "near_name"),
        (("HIGH/foo", "LOW/foo"), "foo", "folders"),
        (("HIGH/foo_e1", "LOW/foo_e2"), "foo_e1", "folders"),
        (("char/high_noise/adapter_model", "char/low_noise/adapter_model"), "char", "folders"),
        (("Hi_Tea/T", "Low_Tea/T"), "T", "folders"),
        (("H/foo", "L/foo"), "foo", "folders"),
        (("wan_H_dance/foo", "wan_L_dance/foo"), "foo", "folders"),
        (("place/H", "place/L"), "place", "name"),
        (("high/v1/model", "low/v1/model"), "v1", "folders"),
    ],
)
def test_one_candidate_is_the_other_half(
    library: LoRALibrary, root: Path, halves: tuple[str, str], name: str, way: str
) -> None:
    fill(root, halves)
    high, low = halves
    record = library.record(name)
    assert record["files"] == {"high": f"{high}.safetensors", "low": f"{low}.safetensors"}
    assert record["paired_by"] == way
    shown = high in record["pair_note"] and low in record["pair_note"]
    assert shown is (way != "name")


def test_epochs_pair_with_their_equals_and_leave_the_odd_one(
    library: LoRALibrary, root: Path
) -> None:
    fill(root, [f"x_{role}_e{epoch}" for role in ("HIGH", "LOW") for epoch in (10, 20, 30)])
    fill(root, ["x_HIGH_e40"])
    records = library.list_available_loras()
    assert set(records) == {"x_e10", "x_e20", "x_e30", "x_HIGH_e40"}
    assert records["x_HIGH_e40"]["offers"] == []


def test_folders_of_halves_hold_several_pairs(library: LoRALibrary, root: Path) -> None:
    fill(root, [f"wan_{half}_dance/{name}" for half in "HL" for name in ("x", "y")])
    assert groups(library) == {
        tuple(f"wan_{half}_dance/{name}.safetensors" for half in "HL") for name in ("x", "y")
    }


def test_several_candidates_are_offered_and_one_click_pairs(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    fill(root, ["x_HIGH_e10", "x_HIGH_e20", "x_LOW_e30"])
    records = library.list_available_loras()
    assert {name: record["offers"] for name, record in records.items()} == {
        "x_HIGH_e10": ["x_LOW_e30"],
        "x_HIGH_e20": ["x_LOW_e30"],
        "x_LOW_e30": ["x_HIGH_e10", "x_HIGH_e20"],
    }
    library.pair_loras("x_HIGH_e20", records["x_HIGH_e20"]["offers"][0])
    again = LoRALibrary(settings).list_available_loras()
    assert {name: record["offers"] for name, record in again.items()} == {
        "x_e20": [],
        "x_HIGH_e10": [],
    }


def test_other_numbers_are_offered_not_guessed(library: LoRALibrary, root: Path) -> None:
    fill(root, ["pose_1_HIGH", "pose_2_LOW", "dance_480p_HIGH", "dance_720p_LOW"])
    records = library.list_available_loras()
    assert records["pose_1_HIGH"]["offers"] == ["pose_2_LOW"]
    assert records["dance_480p_HIGH"]["offers"] == []


def test_what_was_split_is_not_paired_or_offered_again(library: LoRALibrary, root: Path) -> None:
    fill(root, ["x_HIGH_e320", "x_LOW_e496", "WANHIGHSPIN", "WANLOWSPIN"])
    high, low = library.split_pair("x")
    assert library.record(high)["offers"] == library.record(low)["offers"] == []
    high, low = library.split_pair(library.name_at("WANHIGHSPIN.safetensors"))
    library.rename_lora_file(high, "other")
    assert library.record(low)["expert"] == "low"  # which only its twin said


def test_a_twin_says_the_role(library: LoRALibrary, root: Path) -> None:
    fill(root, ["sun_high_lighting", "sun_low_lighting"])
    record = library.record("sun_lighting")
    assert record["evidence"]["high"] == {
        "role": "high",
        "source": "twin",
        "strength": "strong",
        "detail": "sun_low_lighting.safetensors",
        "text": "sun_low_lighting.safetensors is its low-noise twin by name",
    }


@pytest.mark.parametrize(
    ("names", "unsure"),
    [
        (["cam_high_angle", "cam_low_angle"], {"cam_high_angle", "cam_low_angle"}),
        (["High_Angle/x", "Low_Angle/x"], {"High_Angle/x", "Low_Angle/x"}),
        (["style", "style_LOW"], {"style"}),
        (["style", "style_LOW", "style_HIGH"], set()),
        (["char one/x", "char_one_low/x"], {"char one/x"}),
        (["x", "LOW/x"], {"x"}),
        (["x", "LOW/x", "HIGH/x"], set()),
        (["char/x", "char_low/y"], set()),
        (["high_motion"], {"high_motion"}),
        (["cam_low_angle"], set()),
        (["5B_high_motion", "5B_low_motion"], set()),
        (["5B_high_angle", "5B_low_angle"], set()),
    ],
)
def test_what_may_be_one_half_is_unsure(
    library: LoRALibrary, root: Path, names: list[str], unsure: set[str]
) -> None:
    fill(root, names)
    found = by_path(library)
    assert {path for path, (role, _) in found.items() if role == "unsure"} == {
        f"{name}.safetensors" for name in unsure
    }
    for role, record in found.values():
        if role == "unsure":
            assert record["files"] == {"both": record["path"]}
            assert record["missing_half"] is None
            assert record["evidence"]["both"]["strength"] == "weak"


@pytest.mark.parametrize("answer", ["high", "low", "both"])
def test_the_answer_settles_it_for_good(
    library: LoRALibrary, root: Path, settings: Settings, answer: str
) -> None:
    fill(root, ["char"], metadata={"ss_sd_model_name": "wan22_low_noise.safetensors"})
    assert library.record("char")["expert"] == "unsure"
    record = library.edit_lora_metadata("char", {"expert": answer})
    assert record["expert"] == answer
    library.rename_lora_file("char", "char2")
    library.delete_lora_file("char2")
    library.undo_delete("char2")
    record = LoRALibrary(settings).record("char2")
    assert (record["expert"], set(record["files"])) == (answer, {answer})
    assert record["evidence"][answer]["source"] == "user"
    assert library.edit_lora_metadata("char2", {"expert": None})["expert"] == "unsure"


def test_a_file_without_the_word_and_its_half_are_offered_to_each_other(
    library: LoRALibrary, root: Path
) -> None:
    fill(root, ["style", "style_LOW"])
    assert library.record("style")["offers"] == ["style_LOW"]
    assert library.record("style_LOW")["offers"] == ["style"]
    assert library.pair_loras("style", "style_LOW")["expert"] == "both"


def test_keys_outweigh_twins(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "x_low_lighting.safetensors", layer_keys("diffusion_model.transformer_1.{m}"))
    write_lora(root / "x_high_lighting.safetensors", musubi())
    roles = {path: role for path, (role, _) in by_path(library).items()}
    assert roles["x_low_lighting.safetensors"] == "high"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["HIGH/foo", "LOW/foo"], "foo"),
        (["x_HIGH_e320", "x_LOW_e496"], "x"),
        (["sub/x_HIGH v2", "sub/x_LOW"], "x"),
        (["c/high_noise/adapter_model", "c/low_noise/adapter_model"], "c"),
        (["sun_high_lighting", "sun_low_lighting"], "sun_lighting"),
        (["WANHIGHSPIN", "WANLOWSPIN"], "WANSPIN"),
        (["高噪/墨", "低噪/墨"], "墨"),
    ],
)
def test_a_pair_stays_one_through_renames_moves_and_undo(
    library: LoRALibrary, root: Path, files: list[str], name: str
) -> None:
    fill(root, files)
    for path in (f"{files[0]}.txt", f"{files[1]}.png"):
        (root / path).write_bytes(b"x")
    assert library.record(name)["is_pair"]
    library.delete_lora_file(name)
    assert groups(library) == set()
    library.undo_delete(name)
    assert groups(library) == {tuple(f"{file}.safetensors" for file in files)}
    library.rename_lora_file(name, "new")
    assert library.record("new")["is_pair"]
    library.create_folder("place")
    moved = library.move_lora_file("new", "place")
    assert moved["is_pair"]
    assert {path.rpartition("/")[0] for path in moved["files"].values()} == {"place"}
    library.rename_lora_file(moved["name"], "newer")
    assert library.record("newer")["is_pair"]
    beside = {path.suffix for path in (root / "place").iterdir()}
    assert beside == {".safetensors", ".txt", ".png"}


def test_a_nearly_named_pair_stays_one_where_it_is_moved(library: LoRALibrary, root: Path) -> None:
    fill(root, ["x_HIGH_e320", "x_LOW_e496", "place/x_HIGH_e1", "place/x_HIGH_e2"])
    record = library.move_lora_file("x", "place")
    assert set(record["files"].values()) == {
        "place/x_HIGH_e320.safetensors",
        "place/x_LOW_e496.safetensors",
    }


def test_the_order_of_the_files_does_not_matter(tmp_path: Path, settings: Settings) -> None:
    names = ["x_HIGH_e1", "x_LOW_e2", "y_HIGH", "y_LOW", "y_LOW_e3", "z", "z_low"]
    found = []
    for order in (names, names[::-1]):
        root = tmp_path / f"loras{len(found)}"
        for name in order:
            write_lora(root / f"{name}.safetensors", seed=names.index(name))
        library = LoRALibrary(settings.model_copy(update={"loras_dir": root}))
        found.append({n: r["files"] for n, r in library.list_available_loras().items()})
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "pattern",
    ["x_{role}_e{number}", "x{pair}_{role}_e{number}", "{role}/x{pair}", "x{pair}_{role}_angle"],
)
def test_work_grows_with_the_number_of_files(
    library: LoRALibrary, root: Path, pattern: str
) -> None:
    fill(root, ["one"])
    library.refresh()
    (known,) = library.scanned("one").values()

    def calls(count: int) -> int:
        files = []
        for number in range(count):
            role = "HIGH" if number % 2 else "LOW"
            path = pattern.format(role=role, number=number, pair=number // 2) + ".safetensors"
            named = name_role(path.rpartition("/")[2].removesuffix(".safetensors"))
            found = find_role(set(), {}, path)
            files.append(replace(known, path=path, evidence=found, named=named))
        made = 0

        def count_call(_frame: object, event: str, _argument: object) -> None:
            nonlocal made
            made += event in ("call", "c_call")

        sys.setprofile(count_call)
        try:
            entries = make_entries(files, {})
        finally:
            sys.setprofile(None)
        assert max(len(entry.offers) for entry in entries.values()) <= OFFERED
        return made

    assert calls(800) < 2.3 * calls(400)
