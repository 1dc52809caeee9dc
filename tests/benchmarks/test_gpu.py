"""`python -m benchmarks gpu`: each case is run, or says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.gpu import FIGURES, PLACEMENTS, WAYS, gpu_sizes

pytestmark = pytest.mark.slow  # it runs a benchmark


def outcomes(path: Path) -> list[dict[str, Any]]:
    part = json.loads(path.read_text(encoding="utf-8"))["parts"]["gpu"]
    return list(part["facts"]["outcomes"])


def test_a_quick_run_takes_every_step_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    assert main(["gpu", "--quick", "--json", str(path)]) == 0
    found = outcomes(path)
    assert len(found) == 2 * len(PLACEMENTS) * len(WAYS)
    for outcome in found:
        if outcome["way"] == "ours":
            assert set(outcome["seconds"]) == set(FIGURES) and not outcome["not_run"]
        else:
            assert outcome["seconds"] or outcome["not_run"]
    assert any(outcome["seconds"] for outcome in found if outcome["way"] != "ours")


def test_without_a_card_each_case_says_that_it_was_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    path = tmp_path / "found.json"
    assert gpu_sizes(quick=False).shape.blocks == 40
    assert main(["gpu", "--json", str(path)]) == 0
    assert {outcome["not_run"] for outcome in outcomes(path)} == {"there is no CUDA card"}
    assert "not run: there is no CUDA card" in capsys.readouterr().out
