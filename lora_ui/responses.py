"""How our routes answer: errors as JSON in words, assets that are revalidated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from utils import GenerationError, StudioError

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
    "storage": 503,
    "internal": 500,
}
STATUS_BY_REASON = {"disk": 507}


class ErrorRoute(APIRoute):
    """A route whose failures reach the page as `{"error": {...}}`; the page's event boundary."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
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
    return JSONResponse({"error": error.to_dict()}, status_code=code)


async def refuse_request(_request: Request, error: Exception) -> JSONResponse:
    """A request that is not of the documented form, in the form of every other refusal."""
    assert isinstance(error, RequestValidationError)
    problems = [
        f"{'.'.join(str(part) for part in item['loc'][1:]) or 'body'}: {item['msg']}"
        for item in error.errors()
    ]
    failure = GenerationError(
        "The request cannot be understood: " + "; ".join(problems) + ".",
        suggestions=["See /api/docs for what can be sent."],
        context={"problems": problems},
    )
    return error_response(failure, 422)


def _unexpected() -> StudioError:
    return StudioError(
        "The server could not do that because of an error of its own.",
        suggestions=["Try again; the program's log says what went wrong."],
    )


class RevalidatedFiles(StaticFiles):
    """Static files that a browser keeps but asks about each time, so an update shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response
