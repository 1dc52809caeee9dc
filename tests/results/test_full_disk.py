"""The gallery while the disk is full or read-only: real disks, the app's own routes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.machine.small_disk import run_on_small_disk

PROGRAM = "tests.crash.full_disk_results"
DISK_BYTES = 6 << 20
ALL = ["one", "three", "two"]


@pytest.mark.parametrize("same", [True, False])
def test_with_a_full_disk_results_are_listed_deleted_and_brought_back(
    tmp_path: Path, same: bool
) -> None:
    outputs = "outputs-on-the-disk" if same else str(tmp_path / "outputs")
    done = run_on_small_disk(["-m", PROGRAM, outputs], DISK_BYTES)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"] == ALL
    for when in ("full", "full at the start"):
        asked = found[when]
        assert (asked["list"], asked["delete"], asked["then"]) == (ALL, 200, ["three", "two"]), when
        assert (asked["trash"], asked["undo"], asked["again"]) == (["one"], 200, ALL), when
        for path in ("status", "jobs", "loras", "sets", "results/filters", "results/one"):
            assert asked[path] == 200, (when, path)
        for what in ("favourite", "submit"):
            status, cause, suggestion = asked[what]
            assert (status, cause) == (507, "Its disk is full."), (when, what)
            assert suggestion.startswith("Free space on the disk of ")
        assert asked["metrics"] == 200
    assert found["health"] == 503 and "disk is full" in found["problems"][0]
    assert (found["emptied"], found["at last"]) == (1, ["one", "three"])
    assert found["room"] == 200
    assert found["in the end"] == found["after a restart"] == ["one", "three"]
    assert found["kept"]
