"""Rows of the catalogue's table of LoRA files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

FILE_COLUMNS = "path, size, mtime_ns, info, error, sha256, form, inode"


@dataclass(frozen=True)
class FileRow:
    """What is known of one file. `info` is `LoRAInfo.own_json`, `form` its form's key, `error`
    a StudioError's dict as JSON. `inode` 0 means that it is not known."""

    path: str
    size: int
    mtime_ns: int
    info: str | None = None
    error: str | None = None
    sha256: str | None = None
    form: str | None = None
    inode: int = 0

    def is_of(self, size: int, mtime_ns: int, inode: int = 0) -> bool:
        same_file = self.inode == inode or not self.inode or not inode
        return self.size == size and self.mtime_ns == mtime_ns and same_file


def insert_files(db: sqlite3.Connection, rows: Iterable[FileRow]) -> None:
    """Insert or replace rows; their files are taken to be there."""
    db.executemany(
        f"INSERT OR REPLACE INTO files ({FILE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(r.path, r.size, r.mtime_ns, r.info, r.error, r.sha256, r.form, r.inode) for r in rows],
    )
