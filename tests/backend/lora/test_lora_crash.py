"""The short profile of `tests/library_crash.py`: kills and faults lose and leave nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "library_crash.py"


def test_kills_and_faults_lose_nothing() -> None:
    command = [sys.executable, str(PROGRAM), "--kills", "40", "--apart", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert result["acknowledged"] > 0
    assert all(count > 0 for count in result["points"].values())
    assert done.returncode == 0
