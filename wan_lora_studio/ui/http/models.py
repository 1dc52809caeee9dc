"""Model routes: which models are here, and getting the others. Keys of the table, never paths."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from lora_ui.http import ErrorRoute
from wan_lora_studio.errors import ModelLoadError, SettingsError
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.model_list import ModelList, ModelRow
from wan_lora_studio.texts import say
from wan_lora_studio.ui.http.job_models import Answer, ErrorAnswer, ErrorDetails

Name = Annotated[str, Path(description="A key of the model table, such as ti2v-5B.")]
REFUSALS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorAnswer, "description": "The model table has no such row."},
    409: {"model": ErrorAnswer, "description": "The hub or this machine refuses it."},
}


class DownloadAnswer(Answer):
    """A download or a verification, running or the last one."""

    kind: str = Field(description="download or verify.")
    stage: str = Field(description="waiting, running, paused, cancelled, failed or done.")
    done: int = Field(description="Bytes that are here, or were read.")
    total: int = Field(description="Bytes in all; 0 until the hub has answered.")
    speed: float = Field(description="Bytes a second, lately.")
    seconds_left: float | None = Field(description="At that speed.")
    error: ErrorDetails | None
    found: list[str] = Field(description="Of a verification: files that are wrong or missing.")


class ModelAnswer(Answer):
    """A row of the model table; sizes are in bytes."""

    name: str
    title: str
    state: str = Field(description="here, partly or absent.")
    missing: list[str] = Field(description="Files that it lacks.")
    size: int = Field(description="Of what is here.")
    size_whole: int | None = Field(description="Of all its files; null until the hub was asked.")
    to_fetch: int | None = Field(description="Of what is to be downloaded.")
    repos: list[str] = Field(description="Where it comes from; empty if it can't be downloaded.")
    verdict: str = Field(description="Whether it fits this machine; empty until it was looked at.")
    fits: bool | None = Field(description="The same; null until then.")
    gpu: int | None = Field(description="GPU memory that a run takes, at the size in the verdict.")
    memory: int | None = Field(description="The same of the computer's own memory.")
    measured: str = Field(description="How long a video took here; empty if none was made.")
    problem: ErrorDetails | None = Field(
        default=None, description="Why the hub did not say its sizes."
    )
    download: DownloadAnswer | None = Field(description="What is done for it, or was last.")

    @classmethod
    def of(cls, row: ModelRow) -> ModelAnswer:
        return cls.model_validate({**row.to_dict(), "folder": row.folder.name})


class LeftOutAnswer(Answer):
    """A file of another program that makes no row of the model table."""

    name: str
    why: str = Field(description="The end of a sentence.")


class ModelsAnswer(Answer):
    models: list[ModelAnswer] = Field(description="In the order of the model table.")
    left_out: list[LeftOutAnswer] = Field(description="Of the folders in extra_model_paths.")
    free: int | None = Field(description="Bytes that the disk of the models has free.")


class RemovedAnswer(Answer):
    model: ModelAnswer
    freed: int = Field(description="Bytes that were given back.")
    shared_with: list[str] = Field(description="Models that keep files of it, as they need them.")


def create_model_router(models: ModelList, queue: JobQueue) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute, tags=["models"])

    @router.get("/api/models")
    def all_models() -> ModelsAnswer:
        """Every model of the table, and whether it is here. The hub is not asked."""
        rows = [ModelAnswer.of(row) for row in models.rows()]
        left_out = [LeftOutAnswer(name=each.path.name, why=each.why) for each in models.left_out]
        return ModelsAnswer(models=rows, left_out=left_out, free=models.free)

    @router.get("/api/models/{name}", responses=REFUSALS)
    def one_model(name: Name) -> ModelAnswer:
        """One model. If it is not here, the hub is asked for its sizes; nothing is downloaded."""
        _require(models, name)
        return ModelAnswer.of(models.asked(name))

    @router.post("/api/models/{name}/download", responses=REFUSALS)
    def download(name: Name) -> ModelAnswer:
        """Download what is missing, after other downloads. Also goes on after a pause."""
        _require(models, name)
        models.downloads.start(name)
        return ModelAnswer.of(models.row(name))

    @router.post("/api/models/{name}/pause", responses=REFUSALS)
    def pause(name: Name) -> ModelAnswer:
        """Stop for now and keep what has arrived."""
        _require(models, name)
        models.downloads.pause(name)
        return ModelAnswer.of(models.row(name))

    @router.post("/api/models/{name}/cancel", responses=REFUSALS)
    def cancel(name: Name) -> ModelAnswer:
        """Stop. Files that have arrived in part go, whole ones stay."""
        _require(models, name)
        models.downloads.cancel(name)
        return ModelAnswer.of(models.row(name))

    @router.post("/api/models/{name}/verify", responses=REFUSALS)
    def verify(name: Name) -> ModelAnswer:
        """Compare its files with the hub's hashes. Ones that were downloaded and have changed are
        set aside, so that a download brings them again."""
        _require(models, name)
        models.downloads.start(name, "verify")
        return ModelAnswer.of(models.row(name))

    @router.post("/api/models/{name}/remove", responses=REFUSALS)
    def remove(name: Name) -> RemovedAnswer:
        """Delete its files, but for those that other models that are here need."""
        _require(models, name)
        loaded = _loaded(queue)
        if name in loaded:
            raise ModelLoadError(
                say("ui.http.model_loaded"),
                cause=say("ui.http.model_loaded_cause"),
                suggestions=[say("ui.http.free_model")],
                context={"reason": "in_use"},
            )
        removal = models.remove(name, loaded)
        return RemovedAnswer(
            model=ModelAnswer.of(models.row(name)),
            freed=removal.size,
            shared_with=list(removal.sharing),
        )

    return router


def _require(models: ModelList, name: str) -> None:
    """Raise an error with the status 404 for a row that is not there."""
    try:
        models.row(name)
    except SettingsError as error:
        error.context["status"] = 404
        raise


def _loaded(queue: JobQueue) -> set[str]:
    """The models that workers have in memory, or that running jobs are about to load."""
    status = queue.status()
    models = {worker["model"] for worker in status["workers"] if worker["model"]}
    return models | {job["model_type"] for job in status["running"]}
