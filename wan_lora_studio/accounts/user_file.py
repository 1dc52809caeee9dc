"""User file: who may sign in, with which password and role, and their API tokens.

A JSON file of its owner alone. It is read anew when it changes, so that the command line's changes
hold at once; one that is damaged, gone or open to others lets nobody in.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wan_lora_studio.accounts.passwords import LEAST_LENGTH, MOST_LENGTH, hashed, is_right
from wan_lora_studio.accounts.roles import Role, lesser
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.filesystem import CREATE, replace
from wan_lora_studio.texts import say

MOST_BYTES = 4_000_000
LOCK_SECONDS = 10.0
TOKEN_START = "wls_"  # so that tools which look for leaked secrets can tell it
NAME = re.compile(r"[\w.@-]{1,64}")
OTHERS = stat.S_IRWXG | stat.S_IRWXO
T = TypeVar("T")
Words = Annotated[str, Field(min_length=1, max_length=200)]


class Account(BaseModel):
    """Somebody who is signed in. `role` is what this sign-in may do."""

    model_config = ConfigDict(frozen=True)

    name: str
    role: Role


class User(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: Words  # its hash
    role: Role
    since: float
    changed: float  # the password; sign-ins from before it have ended


class Token(BaseModel):
    """`sha256` is of the token itself, which is shown once."""

    model_config = ConfigDict(extra="forbid")

    user: Words
    called: Words
    role: Role
    sha256: Annotated[str, Field(pattern="[0-9a-f]{64}")]
    since: float


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    users: dict[Words, User] = {}
    tokens: dict[Words, Token] = {}


class UserFile:
    """Any thread may use it; so may several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[tuple[int, int, int, int], _Content] | None = None

    @property
    def exists(self) -> bool:
        """Whether signing in is asked for at all."""
        return self.path.exists()

    def users(self) -> dict[str, User]:
        """By name. Raises SettingsError for a file that cannot be used."""
        return dict(self._content().users)

    def tokens(self) -> dict[str, Token]:
        """By id. Raises SettingsError for a file that cannot be used."""
        return dict(self._content().tokens)

    def signed_in(self, name: str, password: str) -> Account | None:
        """Whom a name and a password belong to; takes a tenth of a second."""
        user = self._content().users.get(name)
        if not is_right(password, user.password if user else None) or user is None:
            return None
        return Account(name=name, role=user.role)

    def of_token(self, text: str) -> Account | None:
        """Whom an API token belongs to. It can do no more than its user can."""
        if not text.startswith(TOKEN_START):
            return None
        content, wanted = self._content(), _sha256(text)
        found = next((t for t in content.tokens.values() if t.sha256 == wanted), None)
        user = content.users.get(found.user) if found else None
        if found is None or user is None:
            return None
        return Account(name=found.user, role=lesser(found.role, user.role))

    def add(self, name: str, password: str, role: Role) -> None:
        """Raises SettingsError for a name or password that cannot be, or a name that is taken."""
        if not NAME.fullmatch(name):
            raise SettingsError(say("accounts.name", name=repr(name)))
        _require(password)
        now = time.time()

        def change(content: _Content) -> None:
            if name in content.users:
                raise SettingsError(
                    say("accounts.taken", name=name), suggestions=[say("accounts.or_password")]
                )
            kept = hashed(password)
            content.users[name] = User(password=kept, role=role, since=now, changed=now)

        self._change(change)

    def remove(self, name: str) -> None:
        """With all tokens of the user. Raises SettingsError if there is none of that name."""

        def change(content: _Content) -> None:
            _user(content, name)
            del content.users[name]
            content.tokens = {k: t for k, t in content.tokens.items() if t.user != name}

        self._change(change)

    def set_password(self, name: str, password: str) -> None:
        """Whoever is signed in with the old one has to sign in again."""
        _require(password)

        def change(content: _Content) -> None:
            user = _user(content, name)
            user.password, user.changed = hashed(password), time.time()

        self._change(change)

    def set_role(self, name: str, role: Role) -> None:
        def change(content: _Content) -> None:
            _user(content, name).role = role

        self._change(change)

    def add_token(self, name: str, called: str, role: Role) -> tuple[str, str]:
        """A new API token: its id, and the token itself, which cannot be had again."""
        text = TOKEN_START + secrets.token_urlsafe(32)

        def change(content: _Content) -> str:
            allowed = lesser(role, _user(content, name).role)
            key = secrets.token_hex(4)
            content.tokens[key] = Token(
                user=name, called=called, role=allowed, sha256=_sha256(text), since=time.time()
            )
            return key

        return self._change(change), text

    def remove_token(self, key: str, name: str | None = None) -> bool:
        """Whether there was one; with `name` only one of that user's."""

        def change(content: _Content) -> bool:
            found = content.tokens.get(key)
            if found is None or name not in (None, found.user):
                return False
            del content.tokens[key]
            return True

        return self._change(change)

    def _content(self) -> _Content:
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode)
            if self._seen is not None and self._seen[0] == stamp:
                return self._seen[1]
            if os.name == "posix" and found.st_mode & OTHERS:
                raise SettingsError(
                    say("accounts.open_to_others", path=self.path),
                    suggestions=[say("accounts.close", path=self.path)],
                )
            with self.path.open("rb") as file:
                content = _Content.model_validate_json(file.read(MOST_BYTES))
        except (OSError, ValidationError) as error:
            raise SettingsError(
                say("accounts.unreadable", path=self.path),
                cause=str(error)[:300],
                suggestions=[say("accounts.mend")],
            ) from error
        if not content.users:
            raise SettingsError(
                say("accounts.empty", path=self.path), suggestions=[say("accounts.add_one")]
            )
        self._seen = (stamp, content)
        return content

    def _change(self, change: Callable[[_Content], T]) -> T:
        """Change what is in the file, in one step. Without users the file goes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_SECONDS):
            content = self._content().model_copy(deep=True) if self.exists else _Content()
            done = change(content)
            if not content.users:
                self.path.unlink(missing_ok=True)
                return done
            part = self.path.with_suffix(".part")
            with suppress(FileNotFoundError):
                part.unlink()
            descriptor = os.open(part, CREATE, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content.model_dump_json(indent=1))
                file.flush()
                os.fsync(descriptor)
            replace(part, self.path)
        return done


def _user(content: _Content, name: str) -> User:
    if name not in content.users:
        raise SettingsError(
            say("accounts.unknown", name=name),
            suggestions=[say("accounts.known", names=", ".join(sorted(content.users)) or "-")],
        )
    return content.users[name]


def _require(password: str) -> None:
    if not LEAST_LENGTH <= len(password) <= MOST_LENGTH:
        raise SettingsError(say("accounts.length", least=LEAST_LENGTH, most=MOST_LENGTH))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
