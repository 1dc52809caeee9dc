"""Database of the results: an index that can be made again, except for `favourites`.

`results.favourite` follows that table: the look at the folder removes rows, never a favourite.
"""

from __future__ import annotations

from wan_lora_studio.sqlite_file import Schema
from wan_lora_studio.texts import say

# What a favourite is kept under, also while its video cannot be seen: the task, which stays where
# a video is moved or copied; else the file.
FAVOURITE_KEY = (
    "CASE task_id WHEN '' THEN 'file:' || size || ':' || path ELSE 'task:' || task_id END"
)
RESULTS = Schema(
    called=say("results.index"),
    if_damaged=say("results.index_damaged"),
    steps=(
        """
CREATE TABLE IF NOT EXISTS results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    task_id TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    created REAL NOT NULL,
    source TEXT NOT NULL,
    prompt TEXT NOT NULL,
    model_type TEXT NOT NULL,
    seed INTEGER,
    fps INTEGER,
    frames INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    loras TEXT NOT NULL,
    search TEXT NOT NULL,
    favourite INTEGER NOT NULL DEFAULT 0,
    deleted REAL
);
CREATE INDEX IF NOT EXISTS results_by_time ON results (created DESC, seq DESC);
CREATE INDEX IF NOT EXISTS results_by_task ON results (task_id);
CREATE TABLE IF NOT EXISTS used_loras (
    seq INTEGER NOT NULL REFERENCES results (seq) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (name, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_loras_by_result ON used_loras (seq);
CREATE TABLE IF NOT EXISTS revision (value INTEGER NOT NULL);
INSERT INTO revision SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM revision);
""",
        # Videos that were read before are read again, for the hashes of their LoRAs.
        """
CREATE TABLE IF NOT EXISTS used_files (
    seq INTEGER NOT NULL REFERENCES results (seq) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (sha256, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_files_by_result ON used_files (seq);
UPDATE results SET mtime_ns = 0;
""",
        # And again, for the hash of the input picture.
        """
ALTER TABLE results ADD COLUMN picture TEXT;
UPDATE results SET mtime_ns = 0;
""",
        # The path of what is in the trash may be taken anew. The table is made again, because
        # SQLite cannot drop its rule; dropping it would take along the rows that belong to it.
        """
CREATE TEMP TABLE kept_loras AS SELECT * FROM used_loras;
CREATE TEMP TABLE kept_files AS SELECT * FROM used_files;
DELETE FROM used_loras;
DELETE FROM used_files;
CREATE TABLE new_results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    task_id TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    created REAL NOT NULL,
    source TEXT NOT NULL,
    prompt TEXT NOT NULL,
    model_type TEXT NOT NULL,
    seed INTEGER,
    fps INTEGER,
    frames INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    loras TEXT NOT NULL,
    search TEXT NOT NULL,
    favourite INTEGER NOT NULL DEFAULT 0,
    deleted REAL,
    picture TEXT
);
INSERT INTO new_results SELECT seq, id, task_id, path, size, mtime_ns, created, source, prompt,
    model_type, seed, fps, frames, width, height, loras, search, favourite, deleted, picture
    FROM results;
DROP TABLE results;
ALTER TABLE new_results RENAME TO results;
CREATE UNIQUE INDEX results_by_path ON results (path) WHERE deleted IS NULL;
CREATE INDEX results_by_time ON results (created DESC, seq DESC);
CREATE INDEX results_by_task ON results (task_id);
INSERT INTO used_loras SELECT * FROM kept_loras;
INSERT INTO used_files SELECT * FROM kept_files;
DROP TABLE kept_loras;
DROP TABLE kept_files;
""",
        f"""
CREATE TABLE favourites (key TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT OR IGNORE INTO favourites SELECT {FAVOURITE_KEY} FROM results WHERE favourite = 1;
UPDATE results SET favourite = 1 WHERE {FAVOURITE_KEY} IN (SELECT key FROM favourites);
""",
    ),
)
