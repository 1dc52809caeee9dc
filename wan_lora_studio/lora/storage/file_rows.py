"""Rows of the catalogue's table of LoRA files."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

AT_ONCE = 500  # SQLite takes a limited number of parameters


class FileRow(NamedTuple):
    """What is known of one file. `info` is `LoRAInfo.own_json`, `form` its form's key, `error`
    a StudioError's dict as JSON. `inode` 0 means that it is not known.

    `expert`, `model_hash` and `words` are what a list of all files needs of `info`; they spare
    reading that, as `said` does for a search (`scan.Said`); they are None in a row of an older
    version. `words` are its names and tags, casefolded.
    """

    path: str
    size: int
    mtime_ns: int
    info: str | None = None
    error: str | None = None
    sha256: str | None = None
    form: str | None = None
    inode: int = 0
    expert: str | None = None
    model_hash: str | None = None
    words: str | None = None
    said: str | None = None

    def is_of(self, size: int, mtime_ns: int, inode: int = 0) -> bool:
        same_file = self.inode == inode or not self.inode or not inode
        return self.size == size and self.mtime_ns == mtime_ns and same_file


FILE_COLUMNS = ", ".join(FileRow._fields)
_PLACES = ", ".join("?" * len(FileRow._fields))


def insert_files(db: sqlite3.Connection, rows: Iterable[FileRow]) -> None:
    """Insert or replace rows; their files are taken to be there."""
    db.executemany(f"INSERT OR REPLACE INTO files ({FILE_COLUMNS}) VALUES ({_PLACES})", rows)


def some_rows(
    db: sqlite3.Connection, columns: str, table: str, key: str, keys: Collection[str] | None
) -> list[tuple[Any, ...]]:
    """Rows of a table: all of them, or those with one of these keys."""
    query = f"SELECT {columns} FROM {table}"
    if keys is None:
        return db.execute(query).fetchall()
    found: list[tuple[Any, ...]] = []
    wanted = list(keys)
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        marks = ", ".join("?" * len(some))
        found += db.execute(f"{query} WHERE {key} IN ({marks})", some).fetchall()
    return found
