"""Documents: small JSON values under names, in a SQLite file, which the page keeps for its user.

Each write is one durable transaction, so that a crash leaves the old document or the new one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from wan_lora_studio.sqlite_file import Schema, SQLiteFile
from wan_lora_studio.storage_faults import stored_value
from wan_lora_studio.texts import say

DOCUMENTS = Schema(
    called=say("documents.called"),
    if_damaged=say("documents.if_damaged"),
    steps=(
        "CREATE TABLE IF NOT EXISTS documents"
        " (name TEXT PRIMARY KEY, body TEXT NOT NULL, changed REAL NOT NULL)",
    ),
)


class Documents(SQLiteFile):
    """The documents of one file. Any thread may use it; so may several processes."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError if the file cannot be opened."""
        super().__init__(path, DOCUMENTS)

    def get(self, name: str) -> Any | None:
        found = self.rows("SELECT body FROM documents WHERE name=?", name)
        return stored_value(found[0]["body"], object) if found else None

    def all(self) -> dict[str, Any]:
        """Every document by name, in the order of the names; without those that a bad disk has
        spoilt."""
        rows = self.rows("SELECT name, body FROM documents ORDER BY name")
        read = ((row["name"], stored_value(row["body"], object)) for row in rows)
        return {name: body for name, body in read if body is not None}

    def put(self, name: str, body: Any) -> None:
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
                (name, json.dumps(body, ensure_ascii=False), time.time()),
            )

    def rename(self, old: str, new: str) -> None:
        with self.writing() as connection:
            connection.execute("UPDATE documents SET name=? WHERE name=?", (new, old))

    def remove(self, name: str) -> bool:
        with self.writing() as connection:
            done = connection.execute("DELETE FROM documents WHERE name=?", (name,))
        return done.rowcount > 0

    def forget_before(self, moment: float) -> None:
        """Remove what was last changed before `moment` (seconds since 1970)."""
        with self.writing() as connection:
            connection.execute("DELETE FROM documents WHERE changed<?", (moment,))
