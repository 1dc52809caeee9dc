"""Passwords: kept as Argon2id hashes, checked in the same time whether a user is known or not."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

LEAST_LENGTH = 8
MOST_LENGTH = 1024
_HASHER = PasswordHasher()  # RFC 9106's second recommendation: 64 MiB, 3 passes


def hashed(password: str) -> str:
    """The hash to keep, with its salt and its costs in it."""
    return _HASHER.hash(password)


def is_right(password: str, kept: str | None) -> bool:
    """Whether the password has this hash. Without one (no such user) it takes as long."""
    try:
        right = _HASHER.verify(kept or _nobodys(), password[:MOST_LENGTH])
    except (Argon2Error, InvalidHashError):
        return False
    return right and kept is not None


def is_outdated(kept: str) -> bool:
    """Whether today's costs are higher than those that the hash was made with."""
    return _HASHER.check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    return hashed("nobody has this password")
