"""The SQLite files of the app: steps between versions, transactions, what is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.sqlite_file import CountedFile, Schema

FIRST = """
CREATE TABLE things (name TEXT PRIMARY KEY);
CREATE TABLE revision (value INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
"""
OLD = Schema("The list", (FIRST,), "it is made again")
NEW = Schema("The list", (FIRST, "ALTER TABLE things ADD COLUMN size INTEGER"), "it is made again")


def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "new" / "list.sqlite"
    old = CountedFile(path, OLD)
    with old.writing() as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
    old.close()
    for _ in range(2):
        new = CountedFile(path, NEW)
        assert [tuple(row) for row in new.rows("SELECT name, size FROM things")] == [("a", None)]
        assert new.rows("PRAGMA user_version")[0][0] == 2
        new.close()


def test_a_newer_file_and_a_damaged_one_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    CountedFile(path, NEW).close()
    with pytest.raises(SettingsError, match="newer version"):
        CountedFile(path, OLD)
    CountedFile(path, NEW).close()
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"no database" * 400)
    with pytest.raises(SettingsError, match="cannot be opened") as refused:
        CountedFile(damaged, NEW)
    assert "it is made again" in refused.value.suggestions[1]
    assert damaged.read_bytes() == b"no database" * 400


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    CountedFile(path, OLD).close()
    broken = Schema("The list", (FIRST, "DROP TABLE things; SELECT no_such_function()"), "")
    with pytest.raises(SettingsError):
        CountedFile(path, broken)
    assert CountedFile(path, OLD).rows("SELECT * FROM things") == []


def test_writes_are_whole_and_counted(tmp_path: Path) -> None:
    file = CountedFile(tmp_path / "list.sqlite", NEW)
    with file.writing() as connection:
        connection.execute("INSERT INTO things (name) VALUES ('a')")
    with file.writing(counted=False) as connection:
        connection.execute("INSERT INTO things (name) VALUES ('b')")
    assert file.revision() == 1
    with pytest.raises(sqlite3.IntegrityError), file.writing() as connection:
        connection.execute("INSERT INTO things (name) VALUES ('c')")
        connection.execute("INSERT INTO things (name) VALUES ('a')")
    assert [row["name"] for row in file.rows("SELECT name FROM things ORDER BY name")] == ["a", "b"]
    assert file.revision() == 1
