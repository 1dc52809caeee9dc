"""Gradio's routes, and which of them are open: the page and the Gradio client need few.

The others take a size or a path and do with it what they are asked: an icon of 100,000 pixels a
side takes 15 GB. They are answered with 404 and never reach Gradio. An address of ours
goes on, so that it can be answered in our words.
"""

from __future__ import annotations

import json

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from wan_lora_studio.texts import say

ICON_SIZES = (192, 512)  # those that Gradio's manifest names
OPEN = frozenset(
    {
        "/", "/config", "/config/", "/favicon.ico", "/robots.txt", "/theme.css", "/manifest.json",
        "/pwa_icon", *(f"/pwa_icon/{size}" for size in ICON_SIZES),
        *(
            f"/gradio_api/{name}"
            for name in (
                "app_id", "cancel", "info", "info/", "login_check", "login_check/", "openapi.json",
                "reset", "reset/", "startup-events", "theme.css", "upload", "user", "user/",
            )
        ),
    }
)  # fmt: skip
OPEN_BELOW = (
    "/assets/", "/static/", "/svelte/", "/gradio_api/call/", "/gradio_api/heartbeat/",
    "/gradio_api/queue/", "/gradio_api/run/",
)  # fmt: skip
OURS = ("/api/", "/ui/", "/lora_ui/")


class GradioRoutes(BaseRoute):
    """A route for everything that is closed; to be added before Gradio is mounted."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        closed = scope["type"] in ("http", "websocket") and not is_open(_path(scope))
        return (Match.FULL if closed else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        error = {
            "category": "not_found",
            "message": say("ui.door.nothing_here"),
            "suggestions": [say("ui.door.see_docs")],
            "context": {},
        }
        body = json.dumps({"error": error})
        await Response(body, 404, media_type="application/json")(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a path, decoded and below where the app is mounted, may reach Gradio."""
    return path in OPEN or path.startswith(OPEN_BELOW) or path.startswith(OURS)


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path
