"""Pairs that a user made or split, which go before what names and headers say."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class HandPairs:
    """Paths (high, low) of files that belong together, and of files that do not."""

    together: tuple[tuple[str, str], ...] = ()
    apart: frozenset[tuple[str, str]] = frozenset()


def read_pairings(db: sqlite3.Connection) -> HandPairs:
    rows = db.execute("SELECT high, low, together FROM pairings ORDER BY high, low").fetchall()
    return HandPairs(
        tuple((high, low) for high, low, together in rows if together),
        frozenset((high, low) for high, low, together in rows if not together),
    )


def save_pairing(db: sqlite3.Connection, high: str, low: str, *, together: bool) -> None:
    """Within a transaction, remember that two files are a pair, or are none."""
    if together:  # each of them has one partner at most
        db.execute(
            "DELETE FROM pairings WHERE together AND (high IN (?1, ?2) OR low IN (?1, ?2))",
            (high, low),
        )
    db.execute("INSERT OR REPLACE INTO pairings VALUES (?, ?, ?)", (high, low, int(together)))


def move_pairings(db: sqlite3.Connection, paths: Mapping[str, str]) -> None:
    """Within a transaction, follow files to their new paths."""
    for old, new in paths.items():
        if old != new:
            drop_pairings(db, new)
            db.execute("UPDATE pairings SET high=? WHERE high=?", (new, old))
            db.execute("UPDATE pairings SET low=? WHERE low=?", (new, old))


def drop_pairings(db: sqlite3.Connection, path: str) -> None:
    """Within a transaction, forget what was said about a file that is no more."""
    db.execute("DELETE FROM pairings WHERE ? IN (high, low)", (path,))
