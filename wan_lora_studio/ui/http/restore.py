"""Restore routes: settings out of a file or a result, and input pictures."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from lora_ui.http import IMMUTABLE, ErrorRoute, served
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results import ResultLibrary, read_facts
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.ui.forms import Picture, PictureStore, restored_here
from wan_lora_studio.ui.http.result_models import RestoredSettings, StoredPicture
from wan_lora_studio.ui.messages import picture_gone, too_large
from wan_lora_studio.wan.lora_manager import LoRAManager

if TYPE_CHECKING:
    from wan_lora_studio.results import VideoFacts

MAX_VIDEO_BYTES = 1_000_000_000
MAX_PICTURE_BYTES = 64_000_000
IN_MEMORY_BYTES = 4_000_000


def create_restore_router(
    settings: Settings, loras: LoRAManager, results: ResultLibrary, pictures: PictureStore
) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute, tags=["results"])

    def restored(facts: VideoFacts) -> RestoredSettings:
        found = restored_here(facts, settings, loras)
        picture, notes = _input_picture(facts, settings, pictures)
        answer = RestoredSettings.model_validate(found, from_attributes=True)
        return answer.model_copy(update={"picture": picture, "notes": [*answer.notes, *notes]})

    @router.put("/api/results/read", summary="Read the settings out of a file")
    async def read(request: Request) -> RestoredSettings:
        """The body is a video of this app, WanGP or ComfyUI, a picture of ComfyUI or A1111, or the
        JSON beside one. Nothing is kept."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            await _receive(request, file, MAX_VIDEO_BYTES)  # type: ignore[arg-type]
            facts = await run_in_threadpool(read_facts, file)  # type: ignore[arg-type]
            return await run_in_threadpool(restored, facts)

    @router.get("/api/results/{result_id}/settings", summary="What makes this result again")
    def of_result(result_id: str) -> RestoredSettings:
        return restored(results.facts(results.get(result_id)))

    _add_picture_routes(router, pictures)
    return router


def _add_picture_routes(router: APIRouter, pictures: PictureStore) -> None:
    @router.put("/api/pictures", summary="Store an input picture")
    async def store(request: Request) -> StoredPicture:
        """The body is a PNG, JPEG, WebP or other picture; what is stored has no metadata."""
        data = io.BytesIO()
        await _receive(request, data, MAX_PICTURE_BYTES)
        stored = await run_in_threadpool(pictures.store, data)
        carries = await run_in_threadpool(_settings_in, data)
        return StoredPicture(**stored.model_dump(), carries=carries)

    @router.get("/api/pictures/{picture_id}", response_class=FileResponse)
    def picture(picture_id: str) -> Response:
        answer = served(pictures.file(picture_id), "image/png", IMMUTABLE, follow=False)
        if answer is None:
            raise picture_gone()
        return answer


def _settings_in(file: BinaryIO) -> str:
    """What the file could restore, in words; empty if that is nothing."""
    file.seek(0)
    try:
        return read_facts(file).what
    except GenerationError:
        return ""


async def _receive(request: Request, file: BinaryIO, limit: int) -> None:
    """The body into `file`, from its beginning. Raises UploadError if it is too large."""
    if int(request.headers.get("content-length") or 0) > limit:
        raise too_large(limit)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        file.write(chunk)
    file.seek(0)


def _input_picture(
    facts: VideoFacts, settings: Settings, pictures: PictureStore
) -> tuple[Picture | None, list[str]]:
    """The picture that a task was made with, if this app still has it, and a note if not.

    It is found by its contents, else where the task says, as long as that is in `data_dir`.
    """
    recorded = facts.task.get("image")
    if not recorded:
        return None, []
    found = pictures.find(facts.picture) if facts.picture else None
    if found is not None:
        return found, []
    with contextlib.suppress(OSError, ValueError, RuntimeError, GenerationError):
        path = Path(recorded).resolve()  # RuntimeError: a loop of links
        if path.is_relative_to(settings.data_dir.resolve()):
            with path.open("rb") as file:
                return pictures.store(file), []
    return None, [say("ui.http.picture_gone")]
