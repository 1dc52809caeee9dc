"""Sheet route: the contact sheet of a grid, as a picture or a video."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from lora_ui.http import ErrorRoute
from wan_lora_studio.contact_sheet import Kind, SheetMaker
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.jobs.job import JobPart
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.media import is_media
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.texts import say
from wan_lora_studio.ui.forms import sheet_of_job
from wan_lora_studio.ui.http.job_models import NOT_FOUND, ErrorAnswer, JobId
from wan_lora_studio.ui.messages import job_not_found

MEDIA: dict[Kind, str] = {"png": "image/png", "mp4": "video/mp4"}
FRESH = {"Cache-Control": "no-store"}
NO_GRID: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorAnswer, "description": "The job is no grid."}
}
DRAWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {} for media in MEDIA.values()}, "description": "The sheet."}
}


def create_sheet_router(queue: JobQueue, results: ResultLibrary) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute, tags=["jobs"])
    maker = SheetMaker()

    @router.get(
        "/api/jobs/{job_id}/sheet",
        response_class=Response,
        responses={**DRAWN, **NOT_FOUND, **NO_GRID},
    )
    def sheet(
        job_id: JobId,
        kind: Annotated[Kind, Query(alias="as", description="A picture or a video.")] = "png",
        *,
        download: Annotated[bool, Query(description="For saving, under its own name.")] = False,
    ) -> Response:
        """All cells of a grid side by side, with titles and labels. A cell that is not done stands
        with its state."""
        job = queue.get(job_id)
        if job is None:
            raise job_not_found(say("ui.messages.no_job"))
        wanted = sheet_of_job(job, lambda part: _video(results, part))
        folder = Path(tempfile.mkdtemp(prefix="contact-sheet-"))
        target = folder / f"contact-sheet-{job_id[:8]}.{kind}"
        try:
            maker.make(kind, wanted, target)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return FileResponse(
            target,
            media_type=MEDIA[kind],
            headers=FRESH,
            filename=target.name,
            content_disposition_type="attachment" if download else "inline",
            background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
        )

    return router


def _video(results: ResultLibrary, part: JobPart) -> Path | None:
    """Where the result library has it, or where the run has put it."""
    try:
        path = results.video(results.get(part.id))
    except GenerationError:
        path = Path(str((part.result or {}).get("video_path", "")))
    return path if is_media(path, "video/", follow=False) else None
