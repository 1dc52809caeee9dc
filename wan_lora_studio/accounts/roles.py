"""Roles: what somebody who is signed in may do."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["viewer", "creator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may


def may(role: Role, needed: Role) -> bool:
    """Whether a role is at least the one that is needed."""
    return ROLES.index(role) >= ROLES.index(needed)


def lesser(first: Role, second: Role) -> Role:
    """The role that may do less."""
    return first if may(second, first) else second
