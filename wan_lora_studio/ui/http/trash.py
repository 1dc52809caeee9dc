"""Trash routes of the results: look, bring back, delete for good."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from lora_ui.http import FRESH, ErrorRoute, served
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.ui.http.result_models import DiscardedResult, Done, Emptied, ResultTrash
from wan_lora_studio.ui.messages import not_in_trash


def create_trash_router(results: ResultLibrary) -> APIRouter:
    """To be included before the results' own routes, whose addresses begin with an id."""
    router = APIRouter(route_class=ErrorRoute, tags=["results"])

    @router.get("/api/results/trash", summary="What can be brought back")
    def trash() -> ResultTrash:
        """Bring one back by `POST /api/results/{id}/undo`."""
        entries = results.trash.entries()
        return ResultTrash(results=[DiscardedResult.of(entry) for entry in entries])

    @router.post("/api/results/trash/empty", summary="Delete for good what is in the trash")
    def empty() -> Emptied:
        return Emptied(count=results.trash.empty())

    @router.delete("/api/results/trash/{result_id}", summary="Delete one for good")
    def remove(result_id: str) -> Done:
        if not results.trash.remove(result_id):
            raise not_in_trash()
        return Done(id=result_id)

    @router.get("/api/results/trash/{result_id}/poster", response_class=FileResponse)
    def poster(result_id: str) -> Response:
        """A still picture as JPEG."""
        path = results.trash.poster(result_id)
        answer = None if path is None else served(path, "image/jpeg", FRESH, follow=False)
        if answer is None:
            raise not_in_trash()
        return answer

    return router
