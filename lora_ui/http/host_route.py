"""Host route: the way from an app that hosts the extension to the extension's own sub-app."""

from __future__ import annotations

from typing import Protocol

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lora_ui.http.host_login import may_come_in
from lora_ui.http.responses import error_response
from lora_ui.http.same_origin import FOREIGN_PAGE, is_foreign_change
from wan_lora_studio.errors import RequestError
from wan_lora_studio.texts import say

PREFIX = "/lora-studio"
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Served(Protocol):
    """What a route serves: `key` is its place, `panels` the elements of its pages."""

    @property
    def key(self) -> str: ...

    @property
    def panels(self) -> frozenset[str]: ...

    @property
    def sub_app(self) -> ASGIApp: ...


class HostRoute(BaseRoute):
    """Everything below `/lora-studio/KEY/`, whatever stands before it.

    A page asks relative to its own address, so the prefix under which Gradio is mounted, and
    what a proxy leaves of a path, come before it.
    """

    def __init__(self, served: Served) -> None:
        self.lora_key = served.key
        self.served = served
        self._mark = f"{PREFIX}/{served.key}/"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"] if scope["type"] == "http" else ""
        before, mark, _ = path.partition(self._mark)
        if not mark:
            return Match.NONE, {}
        return Match.FULL, {"lora_root": before + mark.rstrip("/")}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if is_foreign_change(scope):
            await error_response(RequestError(FOREIGN_PAGE), 403)(scope, receive, send)
        elif not await may_come_in(request, self.served.panels):
            refusal = RequestError(
                say("lora_ui.http.logged_out"),
                cause=say("lora_ui.http.logged_out_cause"),
                suggestions=[say("lora_ui.http.log_in")],
            )
            await error_response(refusal, 401)(scope, receive, send)
        else:
            inside = {**scope, "root_path": scope["lora_root"]}
            await self.served.sub_app(inside, receive, _with_headers(send))

    def url_path_for(self, name: str, /, **path_params: object) -> None:  # type: ignore[override]
        raise NoMatchFound(name, path_params)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
