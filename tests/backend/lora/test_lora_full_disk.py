"""Uploads to a full disk, a real one: they fail in words, leave nothing, and the next one works."""

from __future__ import annotations

import json
from pathlib import Path

from tests.small_disk import run_on_small_disk

SCRIPT = Path(__file__).parents[2] / "full_disk_uploads.py"
DISK_BYTES = 12 << 20


def test_a_full_disk_fails_one_upload_and_not_the_next(tmp_path: Path) -> None:
    done = run_on_small_disk([str(SCRIPT), str(tmp_path)], DISK_BYTES)
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
