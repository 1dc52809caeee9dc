"""Host login: whoever may see a host's page may use the extension that stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from gradio.routes import App
from starlette.routing import Mount
from starlette.types import Message

LOGIN_CHECK = "/gradio_api/login_check"


async def may_come_in(request: Request, panels: frozenset[str]) -> bool:
    """Whether the request would be shown a page with one of the panels, by their `elem_id`."""
    apps = list(_gradio_apps(request.scope.get("app")))
    if not any(map(_asks_for_login, apps)):
        return True
    with_panels = [app for app in apps if _element_ids(app) & panels]
    for page in with_panels or apps:
        if await _is_welcome(page, request):
            return True
    return False


def _gradio_apps(app: Any) -> Iterator[App]:
    """The app itself, or those that are mounted in it."""
    if isinstance(app, App):
        yield app
        return
    for route in getattr(app, "routes", ()):
        if isinstance(route, Mount):
            yield from _gradio_apps(route.app)


def _element_ids(app: App) -> frozenset[str]:
    blocks = app.blocks.blocks.values() if app.blocks is not None else ()
    return frozenset(block.elem_id for block in blocks if block.elem_id is not None)


def _asks_for_login(app: App) -> bool:
    return app.auth is not None or app.auth_dependency is not None


async def _is_welcome(app: App, request: Request) -> bool:
    """What Gradio's own page would be told, asked of it with the same headers."""
    if not _asks_for_login(app):
        return True
    status = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    asked = {"method": "GET", "path": LOGIN_CHECK, "raw_path": LOGIN_CHECK.encode()}
    rest = {"query_string": b"", "root_path": ""}
    await app({**request.scope, **asked, **rest}, _nothing_more, send)
    return status == [200]


async def _nothing_more() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
