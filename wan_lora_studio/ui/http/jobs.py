"""Job routes: submit, look, arrange. Ids only, never paths."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from fastapi.responses import JSONResponse

from lora_ui.http import ErrorRoute
from wan_lora_studio.grid import Grid
from wan_lora_studio.jobs.job import Job
from wan_lora_studio.jobs.news import JobNews
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.media import media_type
from wan_lora_studio.texts import say
from wan_lora_studio.ui.forms import Submission, TaskForms
from wan_lora_studio.ui.http.job_models import (
    NOT_FOUND,
    CancelAnswer,
    Clear,
    Copy,
    CountAnswer,
    ErrorAnswer,
    Estimate,
    JobAnswer,
    JobEdit,
    JobId,
    Move,
    PlanAnswer,
    Planned,
    QueueAnswer,
    Wanted,
)
from wan_lora_studio.ui.messages import job_not_found

PREVIEW_KINDS = ("image/jpeg", "image/webp")  # a still one, and a moving one
FRESH = {"Cache-Control": "no-store"}
NOT_NOW: dict[int | str, dict[str, Any]] = {
    **NOT_FOUND,
    409: {"model": ErrorAnswer, "description": "Its state does not allow that."},
}
REFUSED: dict[int | str, dict[str, Any]] = {
    422: {"model": ErrorAnswer, "description": "Every problem of the task, named at once."}
}


def create_job_router(queue: JobQueue, forms: TaskForms) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute)
    _add_submission(router, queue, forms)
    _add_looking(router, queue)
    _add_arranging(router, queue)
    _add_queue(router, queue)
    return router


def _add_submission(router: APIRouter, queue: JobQueue, forms: TaskForms) -> None:
    @router.post(
        "/api/jobs",
        tags=["jobs"],
        status_code=201,
        responses={201: {"model": JobAnswer}, **REFUSED},
    )
    def submit(body: Annotated[Submission, Body()]) -> Response:
        """Queue a video, a batch of them, or a grid.

        The task is checked at once, and everything that is wrong is named. Its picture and its
        LoRA files are held from now on: renaming, deleting or replacing a LoRA changes nothing
        for this job.
        """
        task, parts = forms.batch(body)
        job = queue.submit(task, parts=parts, grid=forms.grid(body), priority=body.priority)
        return JSONResponse(_with_doubts(job.to_dict(), queue.doubts(job)), status_code=201)

    @router.post("/api/jobs/estimate", tags=["jobs"], responses={400: {"model": ErrorAnswer}})
    def estimate(body: Wanted) -> Estimate:
        """What a run would need of memory, and what would make it fit. Queues nothing; the
        worker reads the task's LoRAs meanwhile, so that Generate need not wait for that."""
        queue.preload(body.task)
        return Estimate.of(queue.estimate(body.task))

    @router.post(
        "/api/grids/plan",
        tags=["jobs"],
        responses={200: {"model": PlanAnswer}, 400: {"model": ErrorAnswer}},
    )
    def plan(body: Planned) -> Response:
        """What a grid would make, how long it takes, and what keeps it from being run. Queues
        nothing."""
        form = Submission(task=body.task, grid=body.grid)
        grid = Grid.read(body.grid)
        task, _ = forms.batch(form)
        return JSONResponse(queue.plan(task, grid).to_dict(), headers=FRESH)

    @router.patch(
        "/api/jobs/{job_id}",
        tags=["jobs"],
        responses={200: {"model": JobAnswer}, **NOT_NOW, **REFUSED},
    )
    def edit(job_id: JobId, body: Annotated[JobEdit, Body()]) -> Response:
        """Change a job while it waits. It keeps its place, and the LoRA files it holds."""
        known = queue.get(job_id)
        base = known.task.to_dict() if known else {}
        changes = forms.changes(body.task, base)
        parts = None if body.parts is None else forms.parts(body.parts, {**base, **changes})
        job = queue.edit(job_id, changes, parts=parts, priority=body.priority)
        return JSONResponse(_with_doubts(job.to_dict(), queue.doubts(job)))


def _with_doubts(job: dict[str, Any], doubts: list[str]) -> dict[str, Any]:
    """The answer on a job that waits, with what is in doubt of its LoRAs."""
    return {**job, "warnings": [*job["warnings"], *doubts]}


def _add_looking(router: APIRouter, queue: JobQueue) -> None:
    news = JobNews(queue)

    @router.get("/api/jobs", tags=["jobs"], responses={200: {"model": list[JobAnswer]}})
    def jobs(
        limit: Annotated[int, Query(description="At most so many, up to 500.")] = 20,
        summary: Annotated[bool, Query(description="Only what a list shows.")] = False,
    ) -> Response:
        """The newest jobs first."""
        found = queue.jobs(max(1, min(limit, 500)))
        plain = [job.summary() if summary else job.to_dict() for job in found]
        return JSONResponse(plain, headers=FRESH)

    @router.get(
        "/api/jobs/{job_id}", tags=["jobs"], responses={200: {"model": JobAnswer}, **NOT_FOUND}
    )
    async def job(
        job_id: JobId,
        wait: Annotated[
            float, Query(description="Seconds, up to 60, for a change of its state.")
        ] = 0.0,
    ) -> Response:
        """One job, with its progress while it runs.

        With `wait`, the answer to one that waits or runs comes once its state is another, or
        when the time is over."""
        found = await news.job(job_id, wait)
        return JSONResponse(_plain(found), headers=FRESH)

    @router.get(
        "/api/jobs/{job_id}/preview",
        tags=["jobs"],
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in PREVIEW_KINDS}}, **NOT_FOUND},
    )
    def preview(job_id: JobId) -> Response:
        """The newest preview picture of the job that runs, or ran last."""
        picture = queue.preview(job_id)
        if picture is None:
            raise job_not_found(say("ui.messages.no_preview"))
        return Response(picture, media_type=media_type(picture), headers=FRESH)


def _add_arranging(router: APIRouter, queue: JobQueue) -> None:
    @router.post(
        "/api/jobs/{job_id}/cancel",
        tags=["jobs"],
        responses={200: {"model": CancelAnswer}, **NOT_FOUND},
    )
    def cancel(job_id: JobId) -> Response:
        """Cancel a waiting or running job. A running one stops within a step; the videos that a
        batch has made already stay."""
        ok = queue.cancel(job_id)
        return JSONResponse({"ok": ok, "job": _found(queue, job_id)})

    @router.post(
        "/api/jobs/{job_id}/retry", tags=["jobs"], responses={200: {"model": JobAnswer}, **NOT_NOW}
    )
    def retry(job_id: JobId) -> Response:
        """Queue a failed, cancelled or interrupted job again, with the same seed. Of a batch,
        only what is not done is made."""
        return JSONResponse(queue.retry(job_id).to_dict())

    @router.post(
        "/api/jobs/{job_id}/duplicate",
        tags=["jobs"],
        status_code=201,
        responses={201: {"model": JobAnswer}, **NOT_FOUND},
    )
    def duplicate(job_id: JobId, body: Annotated[Copy | None, Body()] = None) -> Response:
        """Queue the same again as another job."""
        copy = queue.duplicate(job_id, new_seed=body is not None and body.new_seed)
        return JSONResponse(copy.to_dict(), status_code=201)

    @router.post(
        "/api/jobs/{job_id}/move", tags=["jobs"], responses={200: {"model": JobAnswer}, **NOT_NOW}
    )
    def move(job_id: JobId, body: Annotated[Move, Body()]) -> Response:
        """Give a waiting job another place. It takes on the priority that belongs there."""
        return JSONResponse(queue.move(job_id, body.position).to_dict())

    @router.delete("/api/jobs/{job_id}", tags=["jobs"], status_code=204, responses={**NOT_NOW})
    def delete(job_id: JobId) -> Response:
        """Forget a job that does not run. The videos it made stay."""
        queue.delete(job_id)
        return Response(status_code=204)


def _add_queue(router: APIRouter, queue: JobQueue) -> None:
    @router.post("/api/queue/pause", tags=["queue"], responses={200: {"model": QueueAnswer}})
    def pause() -> Response:
        """Begin nothing more, also after a restart. What runs goes on; a batch to its next part."""
        queue.pause()
        return JSONResponse({"paused": True})

    @router.post("/api/queue/resume", tags=["queue"], responses={200: {"model": QueueAnswer}})
    def resume() -> Response:
        """Go on with the waiting jobs."""
        queue.resume()
        return JSONResponse({"paused": False})

    @router.post("/api/queue/clear", tags=["queue"], responses={200: {"model": CountAnswer}})
    def clear(body: Annotated[Clear | None, Body()] = None) -> Response:
        """Forget the jobs that have ended, or those in the given states. Their videos stay."""
        return JSONResponse({"count": queue.clear((body or Clear()).states)})


def _found(queue: JobQueue, job_id: str) -> dict[str, Any]:
    return _plain(queue.get(job_id))


def _plain(job: Job | None) -> dict[str, Any]:
    if job is None:
        raise job_not_found(say("ui.messages.no_job"))
    return dict(job.to_dict())
