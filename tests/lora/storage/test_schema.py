"""The tables of the catalogue: files of earlier versions are brought up to date in place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from wan_lora_studio.errors import SettingsError
from wan_lora_studio.lora.storage.catalog import NAME, Catalog
from wan_lora_studio.lora.storage.schema import CATALOG

# As the first version made it.
FIRST = """
CREATE TABLE files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    info TEXT, error TEXT, sha256 TEXT) WITHOUT ROWID;
CREATE INDEX files_by_hash ON files (sha256);
CREATE TABLE usage (
    path TEXT PRIMARY KEY, use_count INTEGER NOT NULL, last_used TEXT NOT NULL,
    last_strength TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roles (path TEXT PRIMARY KEY, role TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE thumbnails (name TEXT PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('revision', 7);
INSERT INTO files VALUES ('a.safetensors', 1, 2, NULL, NULL, 'abc');
INSERT INTO usage VALUES ('a.safetensors', 3, '2026-01-01T00:00:00Z', '0.5');
INSERT INTO roles VALUES ('a.safetensors', 'high');
PRAGMA user_version=1;
"""
# What the second had added: at first, and before its number was raised for the last time.
SECOND = """
ALTER TABLE files ADD COLUMN form TEXT;
ALTER TABLE files ADD COLUMN inode INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN present INTEGER NOT NULL DEFAULT 1;
CREATE TABLE forms (key TEXT PRIMARY KEY, version INTEGER NOT NULL, form TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE beside (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE texts (stem TEXT PRIMARY KEY, stamp TEXT NOT NULL, reading TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE edits (path TEXT PRIMARY KEY, edits TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO edits VALUES ('a.safetensors', '{"title": "A"}');
PRAGMA user_version=2;
"""
LAST = """
ALTER TABLE files ADD COLUMN expert TEXT;
ALTER TABLE files ADD COLUMN model_hash TEXT;
ALTER TABLE files ADD COLUMN words TEXT;
ALTER TABLE files ADD COLUMN said TEXT;
CREATE TABLE pairings (high TEXT NOT NULL, low TEXT NOT NULL,
    together INTEGER NOT NULL, PRIMARY KEY (high, low)) WITHOUT ROWID;
CREATE TABLE made (path TEXT PRIMARY KEY, video TEXT NOT NULL, alone INTEGER NOT NULL)
    WITHOUT ROWID;
INSERT INTO pairings VALUES ('a.safetensors', 'b.safetensors', 1);
INSERT INTO made VALUES ('a.safetensors', 'v.mp4', 1);
"""


def layout(path: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(path)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
        return {
            table: {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            for (table,) in tables
        }


@pytest.mark.parametrize("made", [FIRST, FIRST + SECOND, FIRST + SECOND + LAST])
def test_a_file_of_an_earlier_version_keeps_everything(tmp_path: Path, made: str) -> None:
    (tmp_path / "new").mkdir()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.executescript(made)
    for _ in range(2):
        catalog = Catalog(tmp_path)
        assert catalog.fault is None and catalog.mended == 0
        assert catalog.revision() == 7
        assert catalog.files()["a.safetensors"].sha256 == "abc"
        assert catalog.usage()["a.safetensors"].use_count == 3
        assert catalog.roles() == {"a.safetensors": "high"}
        assert catalog.edits() == ({"a.safetensors": {"title": "A"}} if SECOND in made else {})
        assert bool(catalog.pairings().together) == (LAST in made)
        assert catalog.made() == ({"a.safetensors": "v.mp4"} if LAST in made else {})
    Catalog(tmp_path / "new")
    assert layout(tmp_path / NAME) == layout(tmp_path / "new" / NAME)
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(CATALOG.steps),)


def test_a_file_of_an_earlier_version_whose_step_fails_is_as_it_was(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.executescript(FIRST + SECOND + "CREATE TABLE pictures_by_content (name TEXT);")
        before = list(db.iterdump())
    with pytest.raises(SettingsError, match=r"catalogue at .* cannot be opened"):
        Catalog(tmp_path)
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert list(db.iterdump()) == before
        assert db.execute("PRAGMA user_version").fetchone() == (2,)


def test_asking_waits_for_no_other_program_that_writes(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.set_role("a.safetensors", "high")
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM roles")
        assert catalog.roles() == {"a.safetensors": "high"}
        with catalog.transaction() as db:
            assert db.execute("SELECT COUNT(*) FROM roles").fetchone()[0] == 1
        other.execute("COMMIT")
    assert catalog.roles() == {}
