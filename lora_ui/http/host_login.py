"""Host login: whoever may see a host's page may use the extension that stands in it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from fastapi import Request
from gradio.routes import App
from starlette.routing import Mount

USER = "/gradio_api/user"


async def may_come_in(request: Request, panels: frozenset[str]) -> bool:
    """Whether the request would be shown a page with one of the panels, by their `elem_id`."""
    apps = list(_gradio_apps(request.scope.get("app")))
    with_panels = [app for app in apps if _element_ids(app) & panels]
    pages = with_panels or apps
    if not pages:
        return True
    for page in pages:
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


async def _is_welcome(app: App, request: Request) -> bool:
    """As Gradio's own `login_check` decides."""
    if app.auth is None and app.auth_dependency is None:
        return True
    for route in app.routes:
        if getattr(route, "path", None) == USER:
            user = getattr(route, "endpoint")(request)  # noqa: B009 - of no type that has it
            return (await user if inspect.isawaitable(user) else user) is not None
    return False
