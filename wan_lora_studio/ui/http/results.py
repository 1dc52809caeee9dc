"""Result routes, for the gallery: by id, never by path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from lora_ui.http import IMMUTABLE, ErrorRoute, served
from wan_lora_studio.errors import GenerationError, LoRANotFoundError
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.results import ResultLibrary, ResultQuery
from wan_lora_studio.ui.forms import Picture, PictureStore
from wan_lora_studio.ui.http.file_manager import is_local, show_in_folder
from wan_lora_studio.ui.http.result_archive import zipped
from wan_lora_studio.ui.http.result_models import (
    Done,
    Favourite,
    Filters,
    OpenedFolder,
    ResultDetails,
    ResultItem,
    ResultList,
)
from wan_lora_studio.ui.messages import result_gone
from wan_lora_studio.wan.lora_manager import LoRAManager

MOST_ARCHIVED = 200
MOST_ASKED = 200  # by their ids


def create_result_router(
    results: ResultLibrary, queue: JobQueue, loras: LoRAManager, pictures: PictureStore
) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute, tags=["results"])
    _add_finding(router, results, queue, loras)
    _add_files(router, results, queue)
    _add_actions(router, results, pictures)
    return router


def _add_finding(
    router: APIRouter, results: ResultLibrary, queue: JobQueue, loras: LoRAManager
) -> None:
    @router.get("/api/results", summary="Find results")
    def find(
        *,
        q: Annotated[str, Query(description="Words in prompt, LoRAs, model or seed.")] = "",
        lora: Annotated[
            str, Query(description="A LoRA's name, as it was then or as it is now.")
        ] = "",
        model: Annotated[str, Query(description="A model_type.")] = "",
        favourite: bool | None = None,
        since: Annotated[float | None, Query(description="Seconds since 1970.")] = None,
        until: Annotated[float | None, Query(description="Seconds since 1970.")] = None,
        ids: Annotated[
            list[str] | None,
            Query(alias="id", max_length=MOST_ASKED, description="These alone, by their ids."),
        ] = None,
        cursor: Annotated[str, Query(description="`next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 48,
    ) -> ResultList:
        hashes = _hashes(loras, lora) if lora else ()
        query = ResultQuery(q, lora, model, favourite, since, until, hashes, tuple(ids or ()))
        page = results.find(query, cursor, limit)
        return ResultList.of(page, queue.batches_of([result.id for result in page.results]))

    @router.get("/api/results/filters", summary="What the results can be filtered by")
    def filters() -> Filters:
        return Filters(revision=results.revision(), **results.names())

    @router.get("/api/results/archive", summary="Several videos as one .zip")
    def archive(
        ids: Annotated[list[str], Query(alias="id", min_length=1, max_length=MOST_ARCHIVED)],
    ) -> Response:
        """Each `id` is a result's. Nothing is sent if one of them is gone."""
        return zipped([results.video(results.get(result_id)) for result_id in ids])

    @router.get("/api/results/{result_id}", summary="One result with its task")
    def details(result_id: str) -> ResultDetails:
        result = results.get(result_id)
        facts = results.facts(result)
        report = {k: v for k, v in facts.metadata.items() if k != "task"}
        task = facts.metadata.get("task")
        return ResultDetails(
            **ResultItem.of(result, queue.batches_of([result.id]).get(result.id)).model_dump(),
            task=task if isinstance(task, dict) else dict(facts.task),
            result=report if facts.source == "studio" else {},
            filename=Path(result.path).name,
        )


def _hashes(loras: LoRAManager, name: str) -> tuple[str, ...]:
    """The hashes of a LoRA's files, as far as they are known; none if there is no such LoRA."""
    try:
        known = loras.record(name)["sha256s"]
    except LoRANotFoundError:
        return ()
    return tuple(sha256 for sha256 in known.values() if sha256)


def _add_files(router: APIRouter, results: ResultLibrary, queue: JobQueue) -> None:
    """An id may also be that of a run whose video lies somewhere else."""

    def file(result_id: str, key: str) -> Path:
        try:
            result = results.get(result_id)
        except GenerationError:
            path = (queue.result(result_id) or {}).get(key)
            if not path:
                raise
            return Path(path)
        return results.video(result) if key == "video_path" else results.poster(result)

    def answer(result_id: str, key: str, kind: str, disposition: str | None = None) -> Response:
        path = file(result_id, key)
        name = path.name if disposition else None
        found = served(
            path, kind, IMMUTABLE, follow=False, name=name, disposition=disposition or "inline"
        )
        if found is None:
            raise result_gone()
        return found

    @router.get("/api/results/{result_id}/video", response_class=FileResponse)
    def video(result_id: str, download: bool = False) -> Response:
        """The MP4; with `download` for saving, under its own name."""
        disposition = "attachment" if download else "inline"
        return answer(result_id, "video_path", "video/mp4", disposition)

    @router.get("/api/results/{result_id}/poster", response_class=FileResponse)
    def poster(result_id: str) -> Response:
        """A still picture as JPEG."""
        return answer(result_id, "poster_path", "image/jpeg")


def _add_actions(router: APIRouter, results: ResultLibrary, pictures: PictureStore) -> None:
    @router.patch("/api/results/{result_id}", summary="Mark as favourite or not")
    def mark(result_id: str, change: Favourite) -> ResultItem:
        return ResultItem.of(results.set_favourite(result_id, change.favourite))

    @router.delete("/api/results/{result_id}", summary="Delete; can be undone")
    def delete(result_id: str) -> Done:
        return Done(id=results.delete(result_id))

    @router.post("/api/results/{result_id}/undo", summary="Bring a deleted result back")
    def undo(result_id: str) -> ResultItem:
        return ResultItem.of(results.undo(result_id))

    @router.post("/api/results/{result_id}/open", summary="Open the folder on this machine")
    def open_folder(result_id: str, request: Request) -> OpenedFolder:
        path = results.video(results.get(result_id)).resolve()
        opened = is_local(request) and show_in_folder(path)
        return OpenedFolder(opened=opened, path=str(path))

    @router.post("/api/results/{result_id}/last-frame", summary="Keep the last frame as an input")
    def last_frame(result_id: str) -> Picture:
        """Store the last frame as an input picture, for a video that goes on from here."""
        return pictures.keep(results.last_frame(results.get(result_id)))
