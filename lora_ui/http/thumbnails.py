"""The pictures of the LoRAs: showing, choosing and taking back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from lora_ui.http.models import OneDone
from lora_ui.http.responses import FRESH, IMMUTABLE
from lora_ui.http.served_files import served
from wan_lora_studio.errors import LoRANotFoundError, UploadError
from wan_lora_studio.texts import say
from wan_lora_studio.units import from_mb
from wan_lora_studio.wan.lora_manager import LoRAManager

MAX_BYTES = from_mb(200)
Version = Annotated[str | None, Query(description="The `thumbnail_version` of its record.")]


class Finished(Protocol):
    """Finished videos, each with a picture of it."""

    def get(self, result_id: str, /) -> Any: ...

    def poster(self, result: Any, /) -> Path: ...

    def video(self, result: Any, /) -> Path: ...


def add_thumbnail_routes(router: APIRouter, loras: LoRAManager, results: Finished | None) -> None:
    """`results` are the finished videos that a picture can be taken from."""

    @router.get(
        "/api/loras/thumbnail",
        response_class=FileResponse,
        response_description="The picture as WebP, a drawn placeholder where there is none",
        responses={204: {"description": "The LoRA has gone since the page was told of it"}},
    )
    def thumbnail(name: str, v: Version = None) -> Response:
        # The address carries the picture's version, so it never changes under it.
        try:
            path = picture_of(name)
        except LoRANotFoundError:
            if v is None:
                raise
            return Response(status_code=204, headers=FRESH)  # a 404 is an error in the console
        answer = served(path, "image/webp", IMMUTABLE, follow=False)
        if answer is None:
            raise LoRANotFoundError(say("lora_ui.http.no_picture", name=name))
        return answer

    @router.put("/api/loras/thumbnail", summary="Choose a LoRA's picture")
    async def choose(
        request: Request, name: str, result: str | None = None, *, clip: bool = False
    ) -> OneDone:
        """The body is a picture or a video, whose first frame is taken; or it is empty and
        `result` is the id of a finished video. With `clip` that video is kept as well, and plays
        on the card; what both take the place of goes to the trash."""
        if result is not None:
            return await run_in_threadpool(from_result, name, result, clip)
        descriptor, path = tempfile.mkstemp(prefix="lora-picture-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                size = 0
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise _too_large()
                    file.write(chunk)
            record = await run_in_threadpool(loras.set_thumbnail, name, Path(path))
        finally:
            Path(path).unlink(missing_ok=True)
        return OneDone(ok=True, record=record)

    @router.delete("/api/loras/thumbnail", summary="Take a chosen picture back")
    def clear(name: str) -> OneDone:
        """`ok` is false if no picture was chosen; pictures of other tools stay."""
        return OneDone(ok=loras.clear_thumbnail(name), record=loras.record(name))

    def picture_of(name: str) -> Path:
        """Also of a half whose other half came since the page read the library."""
        try:
            return loras.thumbnail_file(name)
        except LoRANotFoundError:
            meant = loras.meant(name)
            if meant is None or meant.role == "both":
                raise
            return loras.thumbnail_file(meant.name)

    def from_result(name: str, result_id: str, clip: bool) -> OneDone:
        if results is None:
            raise UploadError(say("lora_ui.http.picture.no_videos"))
        found = results.get(result_id)
        video = results.video(found) if clip else None
        record = loras.set_thumbnail(name, results.poster(found), video)
        return OneDone(ok=True, record=record)


def _too_large() -> UploadError:
    return UploadError(
        say("lora_ui.http.picture.too_large", most=MAX_BYTES // from_mb(1)),
        suggestions=[say("lora_ui.http.picture.choose_smaller")],
        context={"status": 413},
    )
