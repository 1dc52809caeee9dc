"""The limit for each test: what hangs is ended, also while it waits for another program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.time_limit import TEST_SECONDS

FILE = """
import subprocess
import sys

def test_hangs():
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])

def test_passes(): pass
"""


def test_every_test_has_the_limit(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getoption("timeout") == TEST_SECONDS


def test_a_test_that_hangs_is_ended_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FILE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--timeout", "1"]
    told = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "test_it.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 failed, 1 passed" in told.stdout
    assert "Timeout" in told.stdout and "subprocess.run([sys.executable" in told.stdout
