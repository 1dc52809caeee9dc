"""Host status: one small answer that a page in a host asks for again and again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from lora_ui.http.responses import FRESH, ErrorRoute
from wan_lora_studio.wan.lora_manager import LoRAManager


def create_host_status_router(
    loras: LoRAManager, applied: Callable[[], Mapping[str, Any]], library: str
) -> APIRouter:
    """`applied` says what the process does with LoRAs now, by name; `library` is another text
    for each library that the extension has shown."""
    router = APIRouter(route_class=ErrorRoute)

    @router.get("/api/status", responses={204: {"description": "Nothing changed since `rev`."}})
    def status(
        rev: Annotated[str, Query(description="The `rev` of the last answer.")] = "",
    ) -> Response:
        """What is applied now, which library is shown, and its revision. Meant to be polled."""
        states = dict(applied())  # first: it may find another model in the host
        told = {"library": loras.revision, "shown": library, "loras": states}
        current = f"{zlib.crc32(json.dumps(told, sort_keys=True).encode()):08x}"
        if rev == current:
            return Response(status_code=204, headers=FRESH)
        return JSONResponse({**told, "rev": current}, headers=FRESH)

    return router
