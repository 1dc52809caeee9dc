"""Identity: who a request comes from, by its cookie, its token, or its name and password."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie

from anyio import to_thread
from starlette.datastructures import Headers

from wan_lora_studio.accounts import Account, SignIns, UserFile
from wan_lora_studio.ui.door.login_throttle import LoginThrottle

COOKIE = "wan_lora_session"
KNOWN_SECONDS = 300.0  # that a name and a password are believed without being checked anew
MOST_KNOWN = 100
OWNER = Account(name="", role="admin")  # where no login is asked for


class GuessedTooOften(Exception):  # noqa: N818 - an answer, not a fault
    """Nobody may try a password for so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Identities:
    """`login` is the one name and password of a login file; `users` those of the user file."""

    def __init__(
        self,
        login: tuple[str, str] | None = None,
        users: UserFile | None = None,
        sign_ins: SignIns | None = None,
    ) -> None:
        self.login, self.users, self.sign_ins = login, users, sign_ins
        self._asked = users is not None and users.exists
        self._throttle = LoginThrottle()
        self._known: OrderedDict[bytes, tuple[float, Account]] = OrderedDict()

    @property
    def asked(self) -> bool:
        """Whether anybody has to say who they are. Once so, it stays: a user file that goes away
        lets nobody in."""
        self._asked = self._asked or (self.users is not None and self.users.exists)
        return self.login is not None or self._asked

    @property
    def with_page(self) -> bool:
        """Whether there are users, who sign in on a page of ours."""
        return self._asked

    async def of(self, headers: Headers, visitor: str) -> Account | None:
        """Whose request it is. Raises GuessedTooOften, or SettingsError where the users cannot
        be read."""
        if not self.asked:
            return OWNER
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._of_token(given.strip(), visitor)
        if scheme.lower() == "basic":
            name, password = _decoded(given)
            return await self.signed_in(name, password, visitor)
        return self._of_cookie(cookie_of(headers))

    async def signed_in(self, name: str, password: str, visitor: str) -> Account | None:
        """Whom a name and a password belong to. Raises as `of` does."""
        if seconds := self._throttle.wait(visitor):
            # Also a right password waits: else it could still be told from a wrong one.
            raise GuessedTooOften(seconds)
        if self.login is not None:
            given = f"{name}:{password}".encode()
            if hmac.compare_digest(given, ":".join(self.login).encode()):
                return Account(name=name, role="admin")
        found = await self._of_users(name, password) if self.users is not None else None
        if found is None:
            self._throttle.failed(visitor)
        return found

    async def _of_users(self, name: str, password: str) -> Account | None:
        if self.users is None or not self._asked:
            return None
        user = self.users.users().get(name)
        stamp = f"{user.changed} {user.role}" if user else ""
        key = hashlib.sha256(f"{stamp}\0{name}\0{password}".encode()).digest()
        until, account = self._known.get(key, (0.0, None))
        if account is not None and time.monotonic() < until:
            return account
        found = await to_thread.run_sync(self.users.signed_in, name, password)
        if found is not None:
            self._known[key] = (time.monotonic() + KNOWN_SECONDS, found)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return found

    def _of_token(self, text: str, visitor: str) -> Account | None:
        if self.users is None or not self._asked:
            return None
        if seconds := self._throttle.wait(visitor):
            raise GuessedTooOften(seconds)
        found = self.users.of_token(text)
        if found is None:
            self._throttle.failed(visitor)
        return found

    def _of_cookie(self, secret: str) -> Account | None:
        if not secret or self.users is None or self.sign_ins is None or not self._asked:
            return None
        users, found = self.users.users(), self.sign_ins.find(secret)
        user = users.get(found.user) if found else None
        if found is None or user is None or found.since < user.changed:
            return None
        return Account(name=found.user, role=user.role)


def cookie_of(headers: Headers) -> str:
    """The secret of a sign-in, or an empty text."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def _decoded(given: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, password
