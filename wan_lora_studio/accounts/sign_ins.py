"""Sign-ins: the browsers that somebody is signed in with, each of which can be ended.

A cookie holds a secret, of which only the hash is kept. A damaged file ends them all, and lets
nobody in.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.sqlite_file import Schema, SQLiteFile
from wan_lora_studio.texts import say

IDLE_DAYS = 14.0
MOST_DAYS = 90.0
DAY = 24 * 3600.0
NOTED_EVERY = 600.0  # seconds between two notes that one is still used
SCHEMA = Schema(
    called=say("accounts.sign_ins"),
    if_damaged=say("accounts.sign_in_again"),
    steps=(
        "CREATE TABLE sign_ins (sha256 TEXT PRIMARY KEY, key TEXT NOT NULL, user TEXT NOT NULL,"
        " since REAL NOT NULL, used REAL NOT NULL, from_where TEXT NOT NULL)",
    ),
)


@dataclass(frozen=True)
class SignIn:
    """`key` names it, `from_where` is the address and browser that it was made from."""

    key: str
    user: str
    since: float
    used: float
    from_where: str


class SignIns(SQLiteFile):
    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Raises SettingsError if the file cannot be opened."""
        super().__init__(path, SCHEMA)
        self._clock = clock

    def begin(self, user: str, from_where: str) -> str:
        """The secret for the browser's cookie."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        with self.writing() as connection:
            connection.execute(
                "DELETE FROM sign_ins WHERE used<? OR since<?",
                (now - IDLE_DAYS * DAY, now - MOST_DAYS * DAY),
            )
            connection.execute(
                "INSERT INTO sign_ins VALUES (?, ?, ?, ?, ?, ?)",
                (_hash(secret), secrets.token_hex(4), user, now, now, from_where[:200]),
            )
        return secret

    def find(self, secret: str) -> SignIn | None:
        """The sign-in of a cookie, unless it has ended; counts as a use."""
        found = self.rows("SELECT * FROM sign_ins WHERE sha256=?", _hash(secret))
        if not found:
            return None
        row, now = found[0], self._clock()
        if row["used"] < now - IDLE_DAYS * DAY or row["since"] < now - MOST_DAYS * DAY:
            return None
        if row["used"] < now - NOTED_EVERY:
            with self.writing() as connection:
                connection.execute(
                    "UPDATE sign_ins SET used=? WHERE sha256=?", (now, row["sha256"])
                )
        return SignIn(row["key"], row["user"], row["since"], row["used"], row["from_where"])

    def of(self, user: str) -> list[SignIn]:
        """The newest first."""
        rows = self.rows("SELECT * FROM sign_ins WHERE user=? ORDER BY since DESC", user)
        return [SignIn(r["key"], r["user"], r["since"], r["used"], r["from_where"]) for r in rows]

    def end(self, secret: str) -> None:
        with self.writing() as connection:
            connection.execute("DELETE FROM sign_ins WHERE sha256=?", (_hash(secret),))

    def end_of(self, user: str, key: str | None = None) -> int:
        """End one of a user's, or all; gives how many."""
        with self.writing() as connection:
            if key is None:
                return connection.execute("DELETE FROM sign_ins WHERE user=?", (user,)).rowcount
            return connection.execute(
                "DELETE FROM sign_ins WHERE user=? AND key=?", (user, key)
            ).rowcount


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
