"""Quiet refusals (ASGI): a page that asks for it is refused with status 200.

A browser writes every answer of status 4xx to its console as an error. What a page is prepared
for, such as a field that is not filled in, is none. The status stands in a header then.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASKED = "studio-refusals"  # of the request
STATUS = "studio-status"  # of the answer


class QuietRefusals:
    """Wraps an ASGI app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or ASKED not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return

        async def send_quietly(message: Message) -> None:
            if message["type"] == "http.response.start" and 400 <= message["status"] < 500:
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("application/json"):
                    headers[STATUS] = str(message["status"])
                    headers.setdefault("Cache-Control", "no-store")
                    message["status"] = 200
            await send(message)

        await self._app(scope, receive, send_quietly)
