"""Several processes on one library: each sees its own work done, and no one else's undone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.library_observed import litter
from tests.support.paths import ROOT
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import load_settings

PROGRAM = "tests.crash.library_processes"
PROCESSES, STEPS = 3, 40


@pytest.mark.slow
def test_three_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    root = tmp_path / "loras"
    (root / "sub").mkdir(parents=True)
    commands = [
        [sys.executable, "-m", PROGRAM, str(root), str(number), str(STEPS)]
        for number in range(1, PROCESSES + 1)
    ]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for command in commands]
    said = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    here = sorted(sha256 for found in said for sha256 in found["here"])
    deleted = sorted(sha256 for found in said for sha256 in found["deleted"])
    assert sum(found["refused"] for found in said) > 0, "they were never in each other's way"
    assert sorted(hashes(root, "*.safetensors") + hashes(root, "sub/*.safetensors")) == here
    assert hashes(root, ".trash/*/**/*.safetensors") == deleted
    library = LoRALibrary(load_settings(loras_dir=root, models_dir=tmp_path / "none"))
    for record in library.list_available_loras().values():
        notes = record["notes"]
        assert notes in ("", f"of {record['sha256']}")
    assert litter(root, tmp_path / "none") == []


def hashes(root: Path, pattern: str) -> list[str]:
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in root.glob(pattern))
