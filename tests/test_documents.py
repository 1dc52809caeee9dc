"""Small documents that a crash must not lose."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wan_lora_studio.documents import Documents

WRITER = """
import sys
from pathlib import Path
from wan_lora_studio.documents import Documents
documents = Documents(Path(sys.argv[1]))
for number in range(10_000):
    documents.put(f"{number:05}", {"number": number})
    print(number, flush=True)
"""


def test_documents_are_found_again_by_another_instance(tmp_path: Path) -> None:
    first = Documents(tmp_path / "data" / "kept.sqlite")
    first.put("b", {"strength": [[0.0, 1.0], [0.5, 0.25]]})
    first.put("a", ["ü", None])
    first.put("a", ["new"])
    second = Documents(tmp_path / "data" / "kept.sqlite")
    assert second.all() == {"a": ["new"], "b": {"strength": [[0.0, 1.0], [0.5, 0.25]]}}
    assert second.remove("a")
    assert not second.remove("a")
    assert first.get("a") is None


def test_a_failed_write_leaves_everything_as_it_was(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "kept.sqlite")
    documents.put("a", 1)

    def fail() -> None:
        with documents.writing() as connection:
            connection.execute("DELETE FROM documents")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert documents.all() == {"a": 1}


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(25)]
        writer.kill()
    kept = Documents(path).all()
    assert all(kept[f"{number:05}"] == {"number": number} for number in acknowledged)


def test_old_documents_are_forgotten(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "kept.sqlite")
    documents.put("a", 1)
    documents.forget_before(0)
    assert documents.get("a") == 1
    documents.forget_before(4e9)
    assert documents.all() == {}


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    path.write_bytes(b"this is no database " * 200)
    documents = Documents(path)
    assert documents.all() == {}
    documents.put("a", 1)
    assert documents.get("a") == 1
    assert len(list(tmp_path.glob("kept.damaged-*.sqlite"))) == 1


def test_a_document_that_a_bad_disk_has_spoilt_costs_itself(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "kept.sqlite")
    for name in ("a", "b", "c"):
        documents.put(name, {"number": name})
    with documents.writing() as connection:
        connection.execute("UPDATE documents SET body='{\"number' WHERE name='a'")
        connection.execute("UPDATE documents SET body=x'fffe00' WHERE name='b'")
    assert documents.all() == {"c": {"number": "c"}}
    assert documents.get("a") is None
    documents.put("a", 1)
    assert documents.get("a") == 1
