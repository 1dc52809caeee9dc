"""The benchmarks of the queue on a few tiny videos: what they do and write; never how long."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.__main__ import main


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
