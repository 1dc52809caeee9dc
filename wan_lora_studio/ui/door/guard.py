"""Guard in front of everything (ASGI): who may talk to this server, and how.

It refuses foreign hosts (DNS rebinding) and pages of other sites, which may neither change nor
learn anything, asks for the password where one is set, and adds the headers that every answer
carries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lora_ui.http import FOREIGN_PAGE, is_foreign_change, is_foreign_read
from wan_lora_studio.accounts import Audit, may
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.texts import say
from wan_lora_studio.ui.door.identity import GuessedTooOften, Identities
from wan_lora_studio.ui.door.needed_roles import READS, needed_role
from wan_lora_studio.ui.door.noting import Overheard
from wan_lora_studio.ui.door.rates import Rates
from wan_lora_studio.ui.door.sign_in_page import ADDRESS as SIGN_IN
from wan_lora_studio.ui.door.timely_body import TimelyBody
from wan_lora_studio.ui.static import HEALTH, LOOPBACK

# What the page asks while somebody types or moves a slider.
UNNOTED = frozenset(
    {"/api/jobs/estimate", "/api/grids/plan", "/api/selection", "/api/selection/prompt",
     "/api/selection/strength"}
)  # fmt: skip
OPEN_TO_ALL = frozenset({HEALTH, SIGN_IN, "/favicon.ico"})
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
PAGES = frozenset({"/", "/guide", "/api/docs", SIGN_IN})  # what a link of another site may lead to


@dataclass(frozen=True)
class Access:
    """Who may come in: by which names of this computer, and who they have to be."""

    hosts: frozenset[str] = LOOPBACK
    identities: Identities = field(default_factory=Identities)
    audit: Audit | None = None


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
        self._rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(scope)
        if refusal is not None:
            await _refuse(scope, send, refusal)
            return

        body, begun, status = TimelyBody(receive), False, 0
        heard = Overheard(body)

        async def send_with_headers(message: Message) -> None:
            nonlocal begun, status
            if body.stalled and not begun:
                return  # whatever is said of it, our own answer comes
            begun = True
            if message["type"] == "http.response.start":
                status = message["status"]
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
            await self._app(scope, heard, send_with_headers)
        except ClientDisconnect:
            if not body.stalled:
                raise
        if body.stalled and not begun:
            await _refuse(scope, send, Refusal(408, say("ui.door.stalled"), CLOSED))
            return
        self._note(scope, heard, status)

    def _note(self, scope: Scope, heard: Overheard, status: int) -> None:
        """Tell the audit of a change; what the page asks all the time is none."""
        audit, method, path = self._access.audit, str(scope["method"]), _path(scope)
        if audit is None or method in READS or path in UNNOTED:
            return
        account = (scope.get("state") or {}).get("account")
        named = heard.named(scope)
        audit.note(
            account.name if account else "",
            _visitor(scope),
            f"{method} {path}",
            status=status,
            **named,
        )

    async def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        host = _host_name(headers.get("host", ""))
        if host not in self._access.hosts:
            return Refusal(400, say("ui.door.not_served"))
        if is_foreign_change(scope) or is_foreign_read(scope, _is_page):
            return Refusal(403, FOREIGN_PAGE)
        if _path(scope) in OPEN_TO_ALL:
            return None
        return await self._not_allowed(scope, headers)

    async def _not_allowed(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Why somebody who comes from a page of ours, or from none, may not do this."""
        visitor = _visitor(scope)
        try:
            account = await self._access.identities.of(headers, visitor)
        except GuessedTooOften as error:
            message = say("ui.door.guessed", count=error.seconds)
            return Refusal(429, message, {"retry-after": str(error.seconds)})
        except SettingsError as error:
            return Refusal(503, say("ui.door.broken", reason=error.message))
        if account is None:
            return self._asked(scope, headers)
        scope["state"] = {**(scope.get("state") or {}), "account": account}
        method, path = str(scope.get("method", "GET")), _path(scope)
        needed = needed_role(method, path)
        if not may(account.role, needed):
            return Refusal(403, say("ui.door.not_allowed", role=needed))
        if seconds := self._rates.wait(account.name or visitor, method, path):
            message = say("ui.door.too_often", count=seconds)
            return Refusal(429, message, {"retry-after": str(seconds)})
        return None

    def _asked(self, scope: Scope, headers: Headers) -> Refusal:
        """Ask who it is: on a page of ours, or in the browser's own words for a login file."""
        if not self._access.identities.with_page:
            return Refusal(401, say("ui.door.login"), {"www-authenticate": REALM})
        sees_a_page = "text/html" in headers.get("accept", "")
        if scope["type"] == "http" and scope["method"] == "GET" and sees_a_page:
            root = str(scope.get("root_path", "")).rstrip("/")
            return Refusal(303, say("ui.door.login"), {"location": f"{root}{SIGN_IN}"})
        return Refusal(401, say("ui.door.login"))


def _visitor(scope: Scope) -> str:
    return str((scope.get("client") or ("unknown",))[0])


def _path(scope: Scope) -> str:
    """The path below where the app is mounted."""
    path, root = str(scope.get("path", "")), str(scope.get("root_path", "")).rstrip("/")
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def _is_page(path: str) -> bool:
    return path in PAGES or path.startswith("/guide/")


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    named = {"content-type": "application/json", **refusal.headers}
    headers = [(name.encode(), value.encode()) for name, value in named.items()]
    error = {"category": "refused", "message": refusal.message, "suggestions": [], "context": {}}
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})
