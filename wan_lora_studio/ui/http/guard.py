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
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lora_ui.http import FOREIGN_PAGE, is_foreign_change, is_foreign_read
from wan_lora_studio.texts import say
from wan_lora_studio.ui.static import LOOPBACK

HEALTH = "/healthz"  # for a watchdog that has no login; it tells nothing
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Gradio lets every page of this computer read its answers; nobody but ours has a reason to.
TAKEN_AWAY = "access-control-allow-"
PAGES = frozenset({"/", "/guide", "/api/docs"})  # what a link of another site may lead to


@dataclass(frozen=True)
class Access:
    """Who may come in: by which names of this computer, and with which (user, password)."""

    hosts: frozenset[str] = LOOPBACK
    login: tuple[str, str] | None = None


class Guard:
    """Wraps an ASGI app; lifespan messages pass through."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(scope, send, *refusal)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [each for each in headers if each.startswith(TAKEN_AWAY)]:
                    del headers[name]
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = _host_name(headers.get("host", ""))
        if host not in self._access.hosts:
            return 400, say("ui.http.not_served")
        if is_foreign_change(scope) or is_foreign_read(scope, _is_page):
            return 403, FOREIGN_PAGE
        login = None if scope.get("path") == HEALTH else self._access.login
        if login and not _logged_in(headers, login):
            return 401, say("ui.http.login")
        return None


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


async def _refuse(scope: Scope, send: Send, status: int, message: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"application/json")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="Wan2.2 LoRA Studio"'))
    error = {"category": "refused", "message": message, "suggestions": [], "context": {}}
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})
