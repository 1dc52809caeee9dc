"""Schema: the tables of the library's catalogue.

Paths are relative to the library, with forward slashes; those of files elsewhere are absolute.
"""

from __future__ import annotations

import sqlite3

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.sqlite_file import Schema
from wan_lora_studio.texts import say

# Columns that came to `files` one by one: a file of version 2 has some of them.
ADDED_COLUMNS = {
    "form": "TEXT",
    "inode": "INTEGER NOT NULL DEFAULT 0",
    "present": "INTEGER NOT NULL DEFAULT 1",
    "expert": "TEXT",
    "model_hash": "TEXT",
    "words": "TEXT",
    "said": "TEXT",
}
# Each statement by itself, because `executescript` would end the step's transaction.
ADDED_TABLES = (
    """
CREATE TABLE IF NOT EXISTS edits (path TEXT PRIMARY KEY, edits TEXT NOT NULL) WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS pictures (
    name TEXT PRIMARY KEY, version TEXT NOT NULL, content TEXT NOT NULL) WITHOUT ROWID
""",
    "CREATE INDEX IF NOT EXISTS pictures_by_content ON pictures (content)",
    """
CREATE TABLE IF NOT EXISTS data_hashes (
    sha256 TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID
""",
    # A finished video in which the file was used.
    """
CREATE TABLE IF NOT EXISTS made (
    path TEXT PRIMARY KEY, video TEXT NOT NULL, alone INTEGER NOT NULL) WITHOUT ROWID
""",
    # Pairs that the user made (`together`) or split.
    """
CREATE TABLE IF NOT EXISTS pairings (
    high TEXT NOT NULL, low TEXT NOT NULL, together INTEGER NOT NULL,
    PRIMARY KEY (high, low)) WITHOUT ROWID
""",
    # What applying LoRAs cost: measured, estimated before (`raw_`), and as it was shown.
    """
CREATE TABLE IF NOT EXISTS loads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model_type TEXT NOT NULL, mode TEXT NOT NULL, device TEXT NOT NULL, cold INTEGER NOT NULL,
    seconds REAL NOT NULL, host REAL NOT NULL, gpu REAL NOT NULL,
    raw_seconds REAL NOT NULL, raw_host REAL NOT NULL, raw_gpu REAL NOT NULL,
    shown_seconds REAL NOT NULL, shown_host REAL NOT NULL, shown_gpu REAL NOT NULL)
""",
    # Changes that are under way.
    """
CREATE TABLE IF NOT EXISTS intents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, moves TEXT NOT NULL, folders TEXT NOT NULL)
""",
    "DROP TABLE IF EXISTS thumbnails",
)


def _complete(db: sqlite3.Connection) -> None:
    """Add what a file of version 2 may lack: each table and column came without a new number."""
    there = {row[1] for row in db.execute("PRAGMA table_info(files)")}
    for name, kind in ADDED_COLUMNS.items():
        if name not in there:
            db.execute(f"ALTER TABLE files ADD COLUMN {name} {kind}")
    for statement in ADDED_TABLES:
        db.execute(statement)


CATALOG = Schema(
    called=say("lora.storage.catalogue.called"),
    if_damaged=say("lora.storage.catalogue.if_damaged", command=COMMAND),
    steps=(
        """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    info TEXT, error TEXT, sha256 TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_hash ON files (sha256);
CREATE TABLE IF NOT EXISTS usage (
    path TEXT PRIMARY KEY, use_count INTEGER NOT NULL, last_used TEXT NOT NULL,
    last_strength TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS roles (path TEXT PRIMARY KEY, role TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES ('revision', 1);
""",
        # What a scan finds: keys and shapes by their hash, texts and pictures next to the files.
        """
CREATE TABLE IF NOT EXISTS forms (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, form TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS beside (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (
    stem TEXT PRIMARY KEY, stamp TEXT NOT NULL, reading TEXT NOT NULL) WITHOUT ROWID;
""",
        _complete,
    ),
)
