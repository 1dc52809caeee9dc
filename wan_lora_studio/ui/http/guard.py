"""Guard in front of everything (ASGI): who may talk to this server, and how.

It refuses foreign hosts (DNS rebinding) and pages of other sites, which may neither change nor
learn anything, asks for the password where one is set, and adds the headers that every answer
carries.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lora_ui.http import FOREIGN_PAGE, is_foreign_change, is_foreign_read
from wan_lora_studio.texts import say
from wan_lora_studio.ui.http.login_throttle import LoginThrottle
from wan_lora_studio.ui.http.timely_body import TimelyBody
from wan_lora_studio.ui.static import LOOPBACK

HEALTH = "/healthz"  # for a watchdog that has no login; it tells nothing
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# What a page of ours may load, and from where. Gradio builds scripts from text.
PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
# Everything else is looked at alone at most: a picture or a video in a tab of its own.
OTHER_POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
POLICY = "Content-Security-Policy"
# Gradio lets every page of this computer read its answers; nobody but ours has a reason to.
TAKEN_AWAY = "access-control-allow-"
CLOSED = {"connection": "close"}
REALM = 'Basic realm="Wan2.2 LoRA Studio"'
PAGES = frozenset({"/", "/guide", "/api/docs"})  # what a link of another site may lead to


@dataclass(frozen=True)
class Access:
    """Who may come in: by which names of this computer, and with which (user, password)."""

    hosts: frozenset[str] = LOOPBACK
    login: tuple[str, str] | None = None


@dataclass(frozen=True)
class Refusal:
    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Guard:
    """Wraps an ASGI app; lifespan messages pass through."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._throttle = LoginThrottle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(scope, send, refusal)
            return

        body, begun = TimelyBody(receive), False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if body.stalled and not begun:
                return  # whatever is said of it, our own answer comes
            begun = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [each for each in headers if each.startswith(TAKEN_AWAY)]:
                    del headers[name]
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                is_page = headers.get("content-type", "").startswith("text/html")
                headers.setdefault(POLICY, PAGE_POLICY if is_page else OTHER_POLICY)
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, body, send_with_headers)
        except ClientDisconnect:
            if not body.stalled:
                raise
        if body.stalled and not begun:
            await _refuse(scope, send, Refusal(408, say("ui.http.stalled"), CLOSED))

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        host = _host_name(headers.get("host", ""))
        if host not in self._access.hosts:
            return Refusal(400, say("ui.http.not_served"))
        if is_foreign_change(scope) or is_foreign_read(scope, _is_page):
            return Refusal(403, FOREIGN_PAGE)
        login = None if scope.get("path") == HEALTH else self._access.login
        return None if login is None else self._login_refusal(scope, headers, login)

    def _login_refusal(
        self, scope: Scope, headers: Headers, login: tuple[str, str]
    ) -> Refusal | None:
        asked = Refusal(401, say("ui.http.login"), {"www-authenticate": REALM})
        if "authorization" not in headers:
            return asked
        visitor = str((scope.get("client") or ("unknown",))[0])
        # Also a right password waits: else it could still be told from a wrong one.
        if seconds := self._throttle.wait(visitor):
            message = say("ui.http.guessed", count=seconds)
            return Refusal(429, message, {"retry-after": str(seconds)})
        if _logged_in(headers, login):
            return None
        self._throttle.failed(visitor)
        return asked


def _is_page(path: str) -> bool:
    return path in PAGES or path.startswith("/guide/")


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _logged_in(headers: Headers, login: tuple[str, str]) -> bool:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, ":".join(login).encode())


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    named = {"content-type": "application/json", **refusal.headers}
    headers = [(name.encode(), value.encode()) for name, value in named.items()]
    error = {"category": "refused", "message": refusal.message, "suggestions": [], "context": {}}
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})
