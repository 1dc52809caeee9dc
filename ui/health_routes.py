"""For whoever watches over the app: is it well, how much did it do, what can be asked of it."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel

from lora_ui.responses import ErrorRoute
from ui.guard import HEALTH
from ui.metrics import collect
from ui.prometheus import CONTENT_TYPE, exposition
from ui.routes import FRESH
from ui.static import ASSETS
from utils import JobQueue, LoRAManager


class Health(BaseModel):
    status: Literal["ok", "failing"]


def create_health_router(queue: JobQueue, loras: LoRAManager) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute, tags=["operation"])

    @router.get(
        HEALTH,
        responses={
            200: {"model": Health},
            503: {"model": Health, "description": "Jobs cannot be taken or handed out."},
        },
    )
    def healthz() -> Response:
        """Whether jobs can be taken and handed out. Asks for no login, and tells nothing else."""
        well = queue.health()
        status = {"status": "ok" if well else "failing"}
        return JSONResponse(status, status_code=200 if well else 503, headers=FRESH)

    @router.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Counts, seconds and memory in the text format of Prometheus."""
        text = exposition(collect(queue, loras))
        return Response(text, headers={**FRESH, "Content-Type": CONTENT_TYPE})

    @router.get("/api/docs", include_in_schema=False)
    def docs() -> Response:
        return FileResponse(ASSETS / "api_docs.html", headers={"Cache-Control": "no-cache"})

    return router
