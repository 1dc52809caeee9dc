"""Responses: errors as JSON in words, assets that are revalidated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from lora_ui.http.json_body import JSONRequest
from wan_lora_studio.errors import RequestError, StudioError
from wan_lora_studio.texts import say

FRESH = {"Cache-Control": "no-store"}


logger = logging.getLogger(__name__)

IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable"}  # versioned addresses only

STATUS_BY_CATEGORY = {
    "lora_not_found": 404,
    "upload": 422,
    "lora_file": 422,
    "lora_unsupported": 422,
    "lora_incompatible": 409,
    "lora": 409,
    "generation": 422,
    "model": 409,
    "request": 400,
    "storage": 503,
    "internal": 500,
}
MOST_PROBLEMS = 20  # that are named
MOST_SHOWN = 80  # signs of a field's name
LONG_TEXT = 100_000  # signs, as the content of a file has them
STATUS_BY_REASON = {"disk": 507}


class ErrorRoute(APIRoute):
    """A route whose failures reach the page as `{"error": {...}}`; the page's event boundary."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_json = self.body_field is not None  # others read their body themselves

        async def guarded(request: Request) -> Response:
            try:
                if takes_json:
                    request = JSONRequest(request.scope, request.receive)
                    await request.check()
                return await handle(request)
            except StudioError as error:
                return error_response(error)
            except (HTTPException, RequestValidationError):
                raise
            except Exception:
                logger.exception("%s %s failed", request.method, request.url.path)
                return error_response(_unexpected())

        return guarded


def error_response(error: StudioError, status: int | None = None) -> JSONResponse:
    usual = STATUS_BY_CATEGORY.get(error.category, 400)
    usual = STATUS_BY_REASON.get(str(error.context.get("reason")), usual)
    code = status or int(error.context.get("status", usual))
    allowed = error.context.get("allow")
    headers = {"Allow": ", ".join(allowed)} if allowed else None
    return JSONResponse({"error": error.to_dict()}, status_code=code, headers=headers)


async def refuse_request(request: Request, error: Exception) -> JSONResponse:
    """A request that is not of the documented form, in the form of every other refusal."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    problems = [_problem(item) for item in found[:MOST_PROBLEMS]]
    if len(found) > MOST_PROBLEMS:
        problems.append(say("errors.more", count=len(found) - MOST_PROBLEMS))
    failure = RequestError(
        say(
            "lora_ui.http.refused",
            request=f"{request.method} {request.url.path}",
            problems="; ".join(problems),
        ),
        cause=say("lora_ui.http.refused_cause"),
        suggestions=[say("lora_ui.http.correct")],
        context={"problems": problems, "status": 413 if any(map(_is_too_long, found)) else 422},
    )
    return error_response(failure)


def _is_too_long(item: Mapping[str, Any]) -> bool:
    """Whether it is about the size of a file's content, not of a name or a number of things."""
    return bool(
        item["type"] == "string_too_long" and item.get("ctx", {}).get("max_length", 0) >= LONG_TEXT
    )


def _problem(item: Mapping[str, Any]) -> str:
    """One finding of FastAPI's in words, with the place that it is about."""
    if item["type"] == "json_invalid":
        reason = str(item.get("ctx", {}).get("error", "")).rstrip(".")
        return say("lora_ui.http.bad_json", reason=reason)
    kind, *place = [str(part)[:MOST_SHOWN] for part in item["loc"]]
    where = ".".join(place) or kind
    return f"{where}: {_lowered(item['msg'])}"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _unexpected() -> StudioError:
    return StudioError(
        say("lora_ui.http.unexpected"),
        suggestions=[say("lora_ui.http.see_log")],
    )


class RevalidatedFiles(StaticFiles):
    """Static files that a browser keeps but asks about each time, so an update shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response
