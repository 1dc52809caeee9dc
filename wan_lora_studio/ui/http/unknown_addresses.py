"""Unknown addresses of the API, and methods that an address does not take."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cached_property
from re import Pattern

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.routing import compile_path

from lora_ui.http import error_response
from wan_lora_studio.errors import RequestError
from wan_lora_studio.texts import say
from wan_lora_studio.ui.static import HEALTH

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
PLACES = ("/api", "/api/{rest:path}", HEALTH, "/metrics")


def refuse_unknown_addresses(app: FastAPI) -> None:
    """Answer what no route of ours answers. Register it after them, and before the page, which
    would take any address for one of its own."""
    known = _Known(app)
    router = APIRouter()

    def refuse(request: Request) -> Response:
        path = request.url.path
        taken = known.methods(path)
        return error_response(
            _wrong_method(request.method, path, taken)
            if taken
            else unknown_address(path, known.paths)
        )

    for place in PLACES:
        router.add_api_route(place, refuse, methods=list(METHODS), include_in_schema=False)
    app.include_router(router)


class _Known:
    """The addresses that the API describes."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @cached_property
    def _described(self) -> list[tuple[str, Pattern[str], set[str]]]:
        paths = self._app.openapi()["paths"]
        return [
            (path, compile_path(path)[0], {method.upper() for method in taken})
            for path, taken in paths.items()
        ]

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self._described]

    def methods(self, path: str) -> list[str]:
        """The methods that an address takes; none where there is no such address."""
        found = [taken for _, pattern, taken in self._described if pattern.match(path)]
        return sorted(set().union(*found))


def _wrong_method(method: str, path: str, taken: list[str]) -> RequestError:
    return RequestError(
        say("ui.http.wrong_method", path=path, method=method),
        cause=say("ui.http.wrong_method_cause"),
        suggestions=[
            say("ui.http.use_method", methods=", ".join(taken)),
            say("errors.request.suggestion"),
        ],
        context={"status": 405, "allow": taken},
    )


def unknown_address(path: str, known: Sequence[str] = ()) -> RequestError:
    """The refusal of an address that does not exist; `known` are those that it may be meant for."""
    close = difflib.get_close_matches(path, known, n=3)
    return RequestError(
        say("ui.http.no_address", path=path),
        cause=say("ui.http.no_address_cause"),
        suggestions=[
            *(say("ui.forms.did_you_mean", name=other) for other in close),
            say("ui.http.see_addresses"),
        ],
        context={"status": 404},
    )
