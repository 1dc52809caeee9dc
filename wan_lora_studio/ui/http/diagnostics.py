"""Diagnostics route: the text to send along when one asks for help."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from lora_ui.http import FRESH, ErrorRoute
from wan_lora_studio.diagnostic_text import diagnostics
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.ui.http.job_models import NOT_FOUND, JobId
from wan_lora_studio.ui.messages import job_not_found


def create_diagnostics_router(queue: JobQueue, settings: Settings) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute)

    @router.get(
        "/api/jobs/{job_id}/diagnostics",
        tags=["jobs"],
        response_class=PlainTextResponse,
        responses={**NOT_FOUND},
    )
    def job_diagnostics(job_id: JobId) -> Response:
        """Versions, hardware, settings, the chain of errors and the log's lines on a job, as
        text. Holds no prompts and no secrets."""
        job = queue.get(job_id)
        if job is None:
            raise job_not_found(say("ui.messages.no_job"))
        text = diagnostics(job.to_dict(), settings, _workers(queue.status()))
        return PlainTextResponse(text, headers=FRESH)

    return router


def _workers(status: dict[str, Any]) -> list[dict[str, Any]]:
    return list(status.get("workers") or [status["worker"]])
