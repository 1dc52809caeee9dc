"""A full disk, a real one. Uploads fail in words, leave nothing, and the next one works; the trash
can be emptied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.machine.small_disk import run_on_small_disk

UPLOADS = "tests.crash.full_disk_uploads"
TRASH = "tests.crash.full_disk_trash"
DISK_BYTES = 12 << 20


def test_a_full_disk_fails_one_upload_and_not_the_next(tmp_path: Path) -> None:
    done = run_on_small_disk(["-m", UPLOADS, str(tmp_path)], DISK_BYTES)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "MB are free" in found["announced"][1]
    assert "No space left" in found["streamed"]
    assert "5 MB are kept free" in found["reserve"]
    for which in ("announced", "filled meanwhile", "no byte free"):
        assert found[which][0] == 507
        assert found[which][1]
    for when in ("announced", "streamed", "reserve", "filled", "none free"):
        assert found[f"after {when}"] == []
    assert found["small"] == [201, None]
    assert found["at last"] == ["one.safetensors"]
    assert found["after a restart"] == ["one"]


@pytest.mark.parametrize("since", ["running", "restarted"])
def test_the_trash_is_emptied_with_no_byte_free(since: str, tmp_path: Path) -> None:
    done = run_on_small_disk(["-m", TRASH, str(tmp_path), since], DISK_BYTES)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "emptied": [200, {"ok": True, "count": 2}],
        "files": ["kept.safetensors"],
        "trash": [],
        "again": 200,
        "at last": ["kept", "new"],
        "after a restart": ["kept", "new"],
        "edits": [],
    }


def test_a_change_that_was_cut_off_is_taken_back_before_the_trash_is_emptied(
    tmp_path: Path,
) -> None:
    done = run_on_small_disk(["-m", TRASH, str(tmp_path), "cut off"], DISK_BYTES)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"cut off": 507, "kept": 2}
