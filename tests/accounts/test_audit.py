"""The audit tells who did what, keeps what it had, and holds no secret."""

from __future__ import annotations

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wan_lora_studio.accounts import Audit
from wan_lora_studio.accounts import audit as auditing


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path / "logs" / "audit.jsonl")


def test_the_newest_come_first(audit: Audit) -> None:
    for number in range(5):
        audit.note("ann", "127.0.0.1", "POST /api/loras/rename", name=f"style {number}")
    assert [line["name"] for line in audit.last(3)] == ["style 4", "style 3", "style 2"]
    line = audit.last(1)[0]
    assert (line["who"], line["from"], line["did"]) == (
        "ann", "127.0.0.1", "POST /api/loras/rename",
    )  # fmt: skip
    assert isinstance(line["time"], float)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_it_is_its_owners_alone(audit: Audit) -> None:
    audit.note("ann", "", "signed in")
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600


def test_a_full_file_begins_anew_and_the_old_ones_stay(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "MOST_BYTES", 1000)
    for number in range(60):
        audit.note("ann", "", "did", name=f"{number:03}")
    assert [line["name"] for line in audit.last(60)] == [f"{n:03}" for n in range(59, -1, -1)]
    assert all(path.stat().st_size <= 1000 for path in audit.path.parent.iterdir())
    for number in range(500):
        audit.note("ann", "", "did", name=f"{number:03}")
    assert len(list(audit.path.parent.iterdir())) == auditing.OLDER_FILES + 1


def test_what_is_long_is_cut(audit: Audit) -> None:
    audit.note("a" * 9999, "b" * 9999, "c" * 9999, names=["x" * 9999] * 9999, more="\n" * 9999)
    assert audit.path.stat().st_size < 10_000
    assert audit.path.read_bytes().count(b"\n") == 1


def test_a_torn_line_hides_no_other(audit: Audit) -> None:
    audit.note("ann", "", "first")
    with audit.path.open("a") as file:
        file.write('{"time": 3, "wh')
    audit.path.write_text(audit.path.read_text() + "\n")
    audit.note("ann", "", "second")
    assert [line["did"] for line in audit.last(9)] == ["second", "first"]


def test_many_at_once_lose_nothing(audit: Audit) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: audit.note("ann", "", "did", number=n), range(200)))
    assert {line["number"] for line in audit.last(1000)} == set(range(200))


def test_a_disk_that_refuses_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "logs").write_text("no folder")
    Audit(tmp_path / "logs" / "audit.jsonl").note("ann", "", "did")
    assert "could not be written" in caplog.text
