"""The short profile of `tests/crash/library_crash.py`: kills and faults lose and leave nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

PROGRAM = "tests.crash.library_crash"


@pytest.mark.slow
def test_kills_and_faults_lose_nothing() -> None:
    command = [sys.executable, "-m", PROGRAM, "--kills", "40", "--apart", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert result["acknowledged"] > 0
    assert all(count > 0 for count in result["points"].values())
    assert done.returncode == 0
