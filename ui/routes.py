"""The routes of the generate tab: status, jobs and their previews. Ids only."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from fastapi.responses import JSONResponse

from lora_ui.responses import ErrorRoute
from ui.messages import job_not_found
from ui.pictures import PictureStore
from ui.submission import Submission, batch_from_form
from utils import JobQueue, LoRAManager

FRESH = {"Cache-Control": "no-store"}


def create_studio_router(loras: LoRAManager, queue: JobQueue, pictures: PictureStore) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute)
    _add_status_route(router, loras, queue)
    _add_job_routes(router, queue, pictures)
    return router


def _add_status_route(router: APIRouter, loras: LoRAManager, queue: JobQueue) -> None:
    @router.get("/api/status")
    def status(rev: str = "") -> Response:
        now = queue.status()
        current = f"{now['rev']}.{loras.revision}"
        if rev == current:
            return Response(status_code=204, headers=FRESH)
        body = {**now, "rev": current, "library": loras.revision}
        return JSONResponse(body, headers=FRESH)


def _add_job_routes(
    router: APIRouter,
    queue: JobQueue,
    pictures: PictureStore,
) -> None:
    @router.post("/api/jobs")
    def submit(body: Annotated[Submission, Body()]) -> Response:
        task, parts = batch_from_form(body, pictures)
        job = queue.submit(task, parts=parts, priority=body.priority)
        return JSONResponse(job.to_dict(), status_code=201)

    @router.get("/api/jobs")
    def jobs(limit: int = 20) -> list[dict[str, Any]]:
        return [job.to_dict() for job in queue.jobs(max(1, min(limit, 200)))]

    @router.get("/api/jobs/{job_id}")
    def job(job_id: str) -> dict[str, Any]:
        return _job(queue, job_id)

    @router.post("/api/jobs/{job_id}/cancel")
    def cancel(job_id: str) -> dict[str, Any]:
        return {"ok": queue.cancel(job_id)}

    @router.get("/api/jobs/{job_id}/preview")
    def preview(job_id: str) -> Response:
        picture = queue.preview(job_id)
        if picture is None:
            raise job_not_found("There is no preview of this run.")
        return Response(picture, media_type="image/jpeg", headers=FRESH)


def _job(queue: JobQueue, job_id: str) -> dict[str, Any]:
    job = queue.get(job_id)
    if job is None:
        raise job_not_found("There is no run with this id.")
    return dict(job.to_dict())
