"""Trial routes: trying one LoRA, and making previews of many."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from lora_ui.http import ErrorRoute
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.ui.forms import LoRATrials, Submission, TaskForms
from wan_lora_studio.ui.http.job_models import Answer, ErrorAnswer, JobAnswer
from wan_lora_studio.wan.lora_manager import LoRAManager

REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorAnswer, "description": "There is no such LoRA."},
    422: {"model": ErrorAnswer, "description": "Every problem of the task, named at once."},
}


class Trial(BaseModel):
    name: str = Field(description="The LoRA.")
    task: dict[str, Any] = Field(
        description="Fields of a generation task; of its LoRAs only accelerators are kept.",
        examples=[{"model_type": "demo", "prompt": "a red circle moving left", "seed": 7}],
    )


class PreviewWish(BaseModel):
    names: list[str] = Field(min_length=1, description="The LoRAs.")
    task: dict[str, Any] = Field(description="As for a trial.")


class PreviewAnswer(Answer):
    job: JobAnswer
    left_out: dict[str, str] = Field(description="LoRAs that cannot be used, each with the reason.")
    later: list[str] = Field(description="LoRAs for which the job has no room; ask again for them.")


class Names(Answer):
    names: list[str]


def create_trial_router(
    queue: JobQueue, forms: TaskForms, trials: LoRATrials, loras: LoRAManager
) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute, tags=["jobs"])

    def submitted(body: Submission) -> dict[str, Any]:
        task, parts = forms.batch(body)
        return queue.submit(task, parts=parts, priority=body.priority).to_dict()

    @router.post(
        "/api/jobs/trial", status_code=201, responses={201: {"model": JobAnswer}, **REFUSED}
    )
    def trial(body: Trial) -> Response:
        """Queue the same seed and prompt without and with a LoRA.

        The prompt is the one of the LoRA's own example where it has one, else the task's with the
        LoRA's trigger words. Keep the second video by `PUT /api/loras/thumbnail`."""
        return JSONResponse(submitted(trials.trial(body.name, body.task)), status_code=201)

    @router.post(
        "/api/jobs/previews", status_code=201, responses={201: {"model": PreviewAnswer}, **REFUSED}
    )
    def previews(body: PreviewWish) -> Response:
        """Queue one video for each of these LoRAs. As soon as it is made it becomes the picture
        of its LoRA, and the clip that plays there; what was in their place goes to the trash."""
        found = trials.previews(body.names, body.task)
        job = submitted(found.submission)
        plain = {"job": job, "left_out": found.left_out, "later": found.later}
        return JSONResponse(plain, status_code=201)

    @router.get("/api/previews/missing")
    def missing(model_type: Annotated[str, Query(description="Only LoRAs that fit it.")]) -> Names:
        """The LoRAs of which there is no picture."""
        return Names(names=loras.without_picture(model_type))

    return router
