"""Health routes, for whoever watches over the app: is it well, how much did it do."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from lora_ui.http import FRESH, ErrorRoute
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.ui.http.cpu_use import CpuMeter
from wan_lora_studio.ui.http.documents import document
from wan_lora_studio.ui.http.listing_checks import Listing
from wan_lora_studio.ui.http.metrics import collect
from wan_lora_studio.ui.http.prometheus import CONTENT_TYPE, exposition
from wan_lora_studio.ui.static import HEALTH
from wan_lora_studio.wan.lora_manager import LoRAManager

NO_JOBS = "Jobs cannot be taken or handed out."
API_DOCS = """<main id="api-docs"><p>Reading what can be asked for.</p></main>
<script type="module" src="../ui/assets/api_docs.js"></script>"""


class Health(BaseModel):
    status: Literal["ok", "failing"]
    problems: list[str] = []


def create_health_router(
    queue: JobQueue, loras: LoRAManager, results: ResultLibrary, cpu: CpuMeter
) -> APIRouter:
    listing = Listing(loras, results)
    router = APIRouter(route_class=ErrorRoute, tags=["operation"])

    @router.get(
        HEALTH,
        responses={
            200: {"model": Health},
            503: {"model": Health, "description": "`problems` says what is wrong, in words."},
        },
    )
    def healthz() -> Response:
        """Whether jobs can be taken and handed out, and the library and the gallery be listed.
        Asks for no login, and tells nothing else."""
        problems = [] if queue.health() else [NO_JOBS]
        problems += listing.problems()
        if not problems:
            return JSONResponse({"status": "ok"}, headers=FRESH)
        failing = {"status": "failing", "problems": problems}
        return JSONResponse(failing, status_code=503, headers=FRESH)

    @router.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Counts, seconds, memory and CPU in the text format of Prometheus."""
        text = exposition(collect(queue, loras, cpu))
        return Response(text, headers={**FRESH, "Content-Type": CONTENT_TYPE})

    @router.get("/api/docs", include_in_schema=False)
    def docs() -> Response:
        return document("API", API_DOCS, style="api_docs.css", root="../")

    return router
