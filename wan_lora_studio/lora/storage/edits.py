"""Edits by a user, as the catalogue keeps them: by the path of the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

from wan_lora_studio.lora.storage.file_rows import some_rows
from wan_lora_studio.storage_faults import stored_value

Edits = dict[str, Any]


def save_edits(db: sqlite3.Connection, path: str, edits: Mapping[str, Any]) -> None:
    """Within a transaction, keep all edits of the file at `path`; none removes the row."""
    db.execute("DELETE FROM edits WHERE path=?", (path,))
    if edits:
        db.execute("INSERT INTO edits VALUES (?, ?)", (path, json.dumps(edits)))


def read_edits(db: sqlite3.Connection, paths: Collection[str] | None = None) -> dict[str, Edits]:
    """The edits of every file, or of these, by path; without those that a bad disk has spoilt."""
    rows = some_rows(db, "path, edits", "edits", "path", paths)
    read = ((path, stored_value(text, dict)) for path, text in rows)
    return {path: edits for path, edits in read if edits is not None}
