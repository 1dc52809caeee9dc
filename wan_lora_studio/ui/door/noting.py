"""Noting: what a request that changed something says of itself for the audit."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Message, Receive, Scope

MOST_BODY = 16_384  # bytes; a longer body is not looked into
NAMES = (
    "name", "names", "new_name", "folder", "high", "low", "filename", "id", "model_type", "role",
    "called",
)  # fmt: skip


class Overheard:
    """Passes a body on, and keeps the beginning of it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept = bytearray()
        self._whole = True

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and self._whole:
            self._kept += message.get("body", b"")
            if len(self._kept) > MOST_BODY:
                self._kept, self._whole = bytearray(), False
        return message

    def named(self, scope: Scope) -> dict[str, Any]:
        """The names in the address and in a JSON body."""
        query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"))
        found: dict[str, Any] = {name: query[name][0] for name in NAMES if name in query}
        try:
            body = json.loads(self._kept) if self._whole and self._kept else None
        except (ValueError, RecursionError):
            body = None
        for part in (body, body.get("task") if isinstance(body, dict) else None):
            if isinstance(part, dict):
                found |= {
                    name: part[name]
                    for name in NAMES
                    if isinstance(part.get(name), str | int | float | list)
                }
        return found
