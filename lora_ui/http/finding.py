"""Finding routes: search, duplicates, trash, and looking through the folder again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from lora_ui.http.models import Duplicates, Emptied, Found, Refresh, TrashList
from wan_lora_studio.wan.lora_manager import LoRAManager


def add_find_routes(router: APIRouter, loras: LoRAManager) -> None:
    @router.get("/api/loras/search", summary="Find LoRAs by words")
    def search(
        q: Annotated[str, Query(description="All of these words; empty finds everything.")] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 60,
    ) -> Found:
        """Words are looked for in names, titles, paths, descriptions, notes, authors, tags and
        trigger words, without regard to case and width. A word that no LoRA has stands for the
        nearest that some have. Eight digits or more of a SHA256, AutoV2 or AutoV3 find the file
        that has it, fewer after `hash:`. "Quotes" keep words together, `-word` leaves out,
        `tag:style` looks at tags, `fits:yes`, `fits:no` and `fits:demo` at models."""
        return Found.of(loras.find_loras(q, offset=offset, limit=limit))

    @router.get("/api/loras/duplicates", summary="LoRAs that hold the same file")
    def duplicates() -> Duplicates:
        """As far as the files are hashed by now."""
        return Duplicates(duplicates=loras.find_duplicates())

    _add_trash_routes(router, loras)
    _add_refresh_routes(router, loras)


def _add_trash_routes(router: APIRouter, loras: LoRAManager) -> None:
    @router.get("/api/loras/trash", summary="What can be brought back")
    def trash() -> TrashList:
        return TrashList.model_validate({"trash": loras.list_trash()})

    @router.post("/api/loras/trash/empty", summary="Delete for good what is in the trash")
    def empty() -> Emptied:
        return Emptied(ok=True, count=loras.empty_trash())


def _add_refresh_routes(router: APIRouter, loras: LoRAManager) -> None:
    def answer(progress: object) -> Refresh:
        return Refresh.model_validate({"progress": progress, "revision": loras.revision})

    @router.post("/api/loras/refresh", summary="Look at the folder again")
    def refresh() -> Refresh:
        """A large library is looked at in the background; ask for its progress."""
        return answer(loras.begin_refresh())

    @router.get("/api/loras/refresh", summary="How far the look at the folder is")
    def progress() -> Refresh:
        return answer(loras.refresh_progress)

    @router.post("/api/loras/refresh/cancel", summary="Stop looking at the folder")
    def cancel() -> Refresh:
        """What was found until now is kept."""
        loras.cancel_refresh()
        return answer(loras.refresh_progress)
