"""Files that other programs renamed or moved keep what is known of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from wan_lora_studio.lora.index.scanner import ScannedFile
from wan_lora_studio.lora.storage import MOVED_TABLES, Catalog, move_pairings

Place = tuple[int, int, int]  # inode, size, mtime_ns


@dataclass(frozen=True)
class Reunited:
    """A file that was known under another path; its hash if that was known."""

    before: str
    sha256: str | None


def reunite(catalog: Catalog, new: Iterable[ScannedFile]) -> dict[str, Reunited]:
    """Give new files the history of files that are gone and were the same: by inode, size and
    time, or by their hash. One transaction.

    Returns the new paths that were known under another.
    """
    found: dict[str, Reunited] = {}
    files = list(new)
    if not files:
        return found
    with catalog.transaction() as db:
        rows = (
            []
            if _is_changing(db)
            else db.execute(
                "SELECT path, inode, size, mtime_ns, sha256 FROM files WHERE present=0"
            ).fetchall()
        )
        by_place: dict[Place, str] = {tuple(place): path for path, *place, _ in rows if place[0]}
        by_hash = {sha256: path for path, *_, sha256 in rows if sha256}
        hashes = {path: sha256 for path, *_, sha256 in rows}
        for file in files:
            size, mtime_ns, inode = file.stamp
            old = by_place.get((inode, size, mtime_ns)) or by_hash.get(file.sha256 or "")
            if old is not None and old in hashes and _carry(db, old, file.path):
                sha256 = file.sha256 or hashes.pop(old)
                found[file.path] = Reunited(old, sha256)
                db.execute("UPDATE files SET sha256=? WHERE path=?", (sha256, file.path))
    return found


def _is_changing(db: sqlite3.Connection) -> bool:
    """Whether another instance is moving files just now, and will carry their history itself."""
    there = db.execute("SELECT 1 FROM sqlite_master WHERE name='intents'").fetchone()
    return there is not None and db.execute("SELECT 1 FROM intents").fetchone() is not None


def _carry(db: sqlite3.Connection, old: str, new: str) -> bool:
    """Move the history, unless the new path has one of its own."""
    tables = [table for table in MOVED_TABLES if table != "files"]
    own = (db.execute(f"SELECT 1 FROM {table} WHERE path=?", (new,)).fetchone() for table in tables)
    if any(own):
        return False
    for table in tables:
        db.execute(f"UPDATE {table} SET path=? WHERE path=?", (new, old))
    move_pairings(db, {old: new})
    db.execute("DELETE FROM files WHERE path=?", (old,))
    return True
