"""Schema: the tables of the queue's SQLite file."""

from __future__ import annotations

from wan_lora_studio.sqlite_file import Schema
from wan_lora_studio.texts import say

JOBS = Schema(
    called=say("backups.queue"),
    if_damaged=say("jobs.queue.if_damaged"),
    steps=(
        """
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    task TEXT NOT NULL,
    progress TEXT NOT NULL,
    result TEXT,
    error TEXT,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    owner TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, seq);
CREATE TABLE IF NOT EXISTS revision (value INTEGER NOT NULL);
INSERT INTO revision SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM revision);
""",
        # `place` orders the queue within a priority.
        """
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET place = seq;
CREATE TABLE parts (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    changes TEXT NOT NULL,
    task TEXT NOT NULL,
    state TEXT NOT NULL,
    result TEXT,
    error TEXT,
    started REAL,
    finished REAL,
    PRIMARY KEY (job_id, number)
);
CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
""",
        # The LoRA files that a job holds.
        "ALTER TABLE jobs ADD COLUMN pins TEXT",
        # What the parts of a job are cells of.
        "ALTER TABLE jobs ADD COLUMN grid TEXT",
        # The LoRA whose preview a part's video becomes, and what came of that.
        """
ALTER TABLE parts ADD COLUMN preview_of TEXT;
ALTER TABLE parts ADD COLUMN preview_note TEXT;
""",
    ),
)
