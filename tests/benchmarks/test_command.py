"""The command on tiny models: what it does and writes; never how long it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.__main__ import PARTS, main
from benchmarks.corpus import LAYOUTS

pytestmark = pytest.mark.slow  # it runs a benchmark


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `--quick` wrote."""
    path = tmp_path_factory.mktemp("benchmark") / "found.json"
    threads = torch.get_num_threads()
    assert main(["lora", "--quick", "--json", str(path)]) == 0
    assert torch.get_num_threads() == threads
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_every_part_is_run_and_the_machine_described(found: dict[str, Any]) -> None:
    assert list(found["parts"]) == list(PARTS)
    assert {"device", "CPU cores", "threads", "torch", "diffusers", "peft"} <= set(found["machine"])


def test_ours_applies_every_layout_exactly(found: dict[str, Any]) -> None:
    verdicts = found["parts"]["layouts"]["facts"]["verdicts"]
    assert {verdict["layout"] for verdict in verdicts} == {layout.name for layout in LAYOUTS}
    assert [v for v in verdicts if v["ours"] != "exact"] == []
    reasons = {verdict["theirs"] for verdict in verdicts}
    assert {"exact", "0 layers", "ValueError", "KeyError"} <= reasons


def test_every_target_is_in_the_file(found: dict[str, Any]) -> None:
    targets = {
        name: [target["name"] for target in part["targets"]]
        for name, part in found["parts"].items()
    }
    assert {name: len(names) for name, names in targets.items()} == {
        "layouts": 1,
        "apply": 3,
        "switch": 3,
        "sampling": 6,
        "memory": 2,
        "inspection": 1,
    }
    for part in found["parts"].values():
        for target in part["targets"]:
            assert {"found", "limit", "sense", "met"} <= set(target)


def test_every_timing_keeps_its_rounds(found: dict[str, Any]) -> None:
    for name in ("apply", "switch", "sampling", "inspection"):
        timings = found["parts"][name]["timings"]
        assert timings
        assert all(timing["seconds"] for timing in timings.values())


def test_a_merge_holds_one_copy_of_what_it_touches(found: dict[str, Any]) -> None:
    memory = found["parts"]["memory"]["facts"]
    by_name = {extra["name"]: extra["tensors"] for extra in memory["extra"]}
    assert by_name["ours, merged"] == memory["touched"]
    assert by_name["ours, merged, originals on disk"] == 0


def test_a_part_can_be_run_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    main(["lora", "--quick", "--only", "inspection", "--json", str(path)])
    assert list(json.loads(path.read_text(encoding="utf-8"))["parts"]) == ["inspection"]
    assert "## inspection" in capsys.readouterr().out


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["lora", "--only", "nonsense"])
