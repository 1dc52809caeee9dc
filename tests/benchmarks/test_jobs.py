"""The benchmarks of the queue on a few tiny videos: what they do and write; never how long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main

pytestmark = pytest.mark.slow  # runs benchmarks with real workers


def test_a_soak_counts_what_is_held_and_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    arguments = ["soak", "--quick", "--jobs", "2", "--json", str(path), "--folder", str(tmp_path)]
    assert main(arguments) == 0
    found = json.loads(path.read_text(encoding="utf-8"))["parts"]["soak"]
    assert len(found["facts"]["worker"]) == len(found["facts"]["app"]) == 2
    assert min(found["facts"]["worker"]) > min(found["facts"]["app"]) > 0
    assert found["facts"]["sampled"] == 1 and found["facts"]["different"] == []
    targets = {target["name"]: target for target in found["targets"]}
    assert targets["jobs that are not done"]["met"]
    assert len(targets) == 4
    assert list(tmp_path.iterdir()) == [path]


def test_the_app_is_timed_against_a_bare_script_that_makes_the_same_frames(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    arguments = ["jobs", "--quick", "--json", str(path), "--folder", str(tmp_path)]
    assert main(arguments) == 0
    parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
    overhead, start, previews = parts["overhead"], parts["first step"], parts["previews"]
    assert overhead["facts"]["same frames"] is True
    assert {name: len(found["seconds"]) for name, found in overhead["timings"].items()} == {
        "bare": 1,
        "app": 1,
    }
    targets = {target["name"]: target for part in parts.values() for target in part["targets"]}
    assert targets["videos with other frames"]["met"]
    assert targets["the app's overhead over a bare script"]["limit"] == 3.0
    assert targets["submit to first step"]["limit"] == 0.3
    begun, done = (found["seconds"] for found in start["timings"].values())
    assert all(0 < first < second for first, second in zip(begun, done, strict=True))
    assert {name: len(found["seconds"]) for name, found in previews["timings"].items()} == {
        "without": 1,
        "with": 1,
    }
    assert targets["different pictures"]["met"]
    assert targets["previews' share of sampling"]["limit"] == 2.0
    assert list(tmp_path.iterdir()) == [path]


def test_a_part_of_the_jobs_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    arguments = ["jobs", "--quick", "--only", "first-step", "--json", str(path)]
    assert main([*arguments, "--folder", str(tmp_path)]) == 0
    assert list(json.loads(path.read_text(encoding="utf-8"))["parts"]) == ["first step"]


def test_a_grid_is_timed_against_its_runs_which_make_the_same_frames(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    assert main(["grid", "--quick", "--json", str(path), "--folder", str(tmp_path)]) == 0
    found = json.loads(path.read_text(encoding="utf-8"))["parts"]["grid"]
    assert found["facts"]["same frames"] is True
    assert 0 <= found["facts"]["percent between the cells"] < 100
    assert 0 < found["facts"]["percent of the cells for LoRAs"] < 100
    sides = {"single runs", "grid"}
    assert set(found["timings"]) == sides | {f"CPU, {side}" for side in sides}
    targets = {target["name"]: target for target in found["targets"]}
    assert targets["a grid's overhead over its runs"]["limit"] == 2.0
    assert targets["cells with other frames"]["met"]
    assert list(tmp_path.iterdir()) == [path]
