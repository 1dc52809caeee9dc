"""The fast run: what it leaves out is the same each time, and no test is without a case."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts import checks
from tests.support.fast_run import CASES, MATRIX
from tests.support.paths import ROOT

FILE = """
import pytest

@pytest.mark.parametrize("number", range(20))
def test_many(number): pass

@pytest.mark.parametrize("number", range(2))
def test_two(number): pass

@pytest.mark.slow
def test_slow(): pass
"""


def collected(folder: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    command += ["--import-mode=importlib", "--collect-only", "-q", *options]
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    told = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line for line in told.stdout.splitlines() if "::" in line]


def test_slow_tests_and_most_cases_of_the_adapters_are_left_out(tmp_path: Path) -> None:
    matrix, other = tmp_path / MATRIX / "test_a.py", tmp_path / "tests" / "test_b.py"
    for file in (matrix, other):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FILE)
    whole = collected(tmp_path)
    assert len(whole) == 2 * 23
    fast = collected(tmp_path, checks.FAST)
    assert fast == collected(tmp_path, checks.FAST)
    assert fast == [test for test in whole if test in fast], "in the same order"
    assert not [test for test in fast if "slow" in test]
    of_matrix = [test for test in fast if test.startswith(MATRIX)]
    assert of_matrix[0].endswith("test_many[0]") and len(of_matrix) - 2 <= CASES
    assert len(fast) - len(of_matrix) == 22
