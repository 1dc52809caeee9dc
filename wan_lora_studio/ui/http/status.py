"""Status route: one small answer that the page asks for again and again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from lora_ui.http import FRESH, ErrorRoute
from wan_lora_studio.backups import Copies
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.ui.http.cpu_use import CpuMeter
from wan_lora_studio.ui.http.job_models import StatusAnswer
from wan_lora_studio.ui.http.listing_checks import Listing
from wan_lora_studio.wan.lora_manager import LoRAManager


def create_status_router(
    loras: LoRAManager,
    queue: JobQueue,
    results: ResultLibrary,
    copies: Copies,
    cpu: CpuMeter,
) -> APIRouter:
    """`problems` are those of which /healthz fails."""
    listing = Listing(loras, results)
    router = APIRouter(route_class=ErrorRoute)

    @router.get(
        "/api/status",
        tags=["queue"],
        responses={
            200: {"model": StatusAnswer},
            204: {"description": "Nothing changed since `rev`."},
        },
    )
    def status(
        rev: Annotated[str, Query(description="The `rev` of the last answer.")] = "",
    ) -> Response:
        """Workers, the job to show, and the queue. Meant to be polled."""
        now = queue.status()
        notices, problems = copies.notices(), [*now["problems"], *listing.problems()]
        current = f"{now['rev']}.{loras.revision}.{len(notices)}.{len(problems)}"
        if rev == current:
            return Response(status_code=204, headers=FRESH)
        body = {
            **now,
            "rev": current,
            "library": loras.revision,
            "notices": notices,
            "problems": problems,
            # No news by itself: it is another number at every look.
            "cpu": cpu.read().to_dict(),
        }
        return JSONResponse(body, headers=FRESH)

    return router
