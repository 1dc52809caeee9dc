"""Router: all routes of the extension, put together. Names only, never paths."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from lora_ui.http.cards import add_card_routes
from lora_ui.http.changes import add_change_routes
from lora_ui.http.feed import Feed, whole
from lora_ui.http.finding import add_find_routes
from lora_ui.http.models import OneDone
from lora_ui.http.responses import ErrorRoute, RevalidatedFiles
from lora_ui.http.selection import USUAL_COOKIE, SessionCookie, add_selection_routes
from lora_ui.http.sets import add_sets_routes
from lora_ui.http.texts import add_text_routes
from lora_ui.http.thumbnails import Finished, add_thumbnail_routes
from lora_ui.http.uploads import Sent, receive_sidecar, receive_upload
from lora_ui.static import ASSETS
from wan_lora_studio.documents import Documents
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.session import LoRAUIState, Sessions
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.lora_manager import LoRAManager

SESSIONS_FILE = "sessions.sqlite"


def create_lora_router(
    settings: Settings,
    loras: LoRAManager,
    uploads: LoRAUploadHandler,
    sessions: Sessions | None = None,
    results: Finished | None = None,
    *,
    cookie: SessionCookie = USUAL_COOKIE,
) -> APIRouter:
    """All routes of the LoRA page. Register them before Gradio is mounted.

    `results` are the finished videos from which a LoRA's picture can be taken.
    """
    router = APIRouter(route_class=ErrorRoute, tags=["loras"])
    sessions = sessions or kept_sessions(settings, loras)
    _add_library_routes(router, loras)
    add_card_routes(router, loras)
    add_change_routes(router, loras)
    add_find_routes(router, loras)
    add_thumbnail_routes(router, loras, results)
    add_selection_routes(router, loras, sessions, cookie)
    add_sets_routes(router, settings, loras)
    _add_upload_route(router, uploads)
    add_text_routes(router)
    return router


def kept_sessions(settings: Settings, loras: LoRAManager) -> Sessions:
    """Sessions that a restart of the program does not lose."""
    documents = Documents(settings.data_dir / SESSIONS_FILE)

    def make() -> LoRAUIState:
        return LoRAUIState(loras, loras.settings.default_model)

    return Sessions(make, documents=documents)


def lora_assets() -> StaticFiles:
    """The tab's css and js, to be mounted at `ASSETS_URL`."""
    return RevalidatedFiles(directory=ASSETS)


def _add_library_routes(router: APIRouter, loras: LoRAManager) -> None:
    feed = Feed(loras, partial(whole, loras))

    @router.get("/api/loras", response_description="Every record, with its verdicts by model")
    def library(request: Request) -> Response:
        """The library and all that is known of it. Not sent again to who has it (ETag)."""
        return feed.answer(request)

    @router.get("/api/loras/details")
    def details(name: str, model: str) -> dict[str, Any]:
        return {
            "record": loras.get_lora_metadata(name),
            "fit": loras.explain_compatibility(name, model).to_dict(),
        }


def _add_upload_route(router: APIRouter, uploads: LoRAUploadHandler) -> None:
    @router.put(
        "/api/loras/upload",
        status_code=201,
        response_description="The new LoRA's `record`",
        summary="Add a LoRA file",
    )
    async def upload(
        request: Request,
        filename: str,
        folder: Annotated[str | None, Query(description="Where in the library it goes.")] = None,
        beside: Annotated[list[str], Query(description="size:name of what goes along.")] = [],  # noqa: B006 - FastAPI copies it
    ) -> JSONResponse:
        """The body is the file; before it come those that go beside it (previews, descriptions,
        an adapter's configuration), in the order of `beside`. All is stored, or nothing; only
        one that is not what its ending says is left out, and named in the answer's `beside`.

        `filename` may have folders before it: one is kept where the file has no name of its own.
        With `folder` it goes there, and the folder is made if need be. A file that is there
        already is refused with `reason` duplicate and `existing`, a taken name with
        `proposed_name`, both in the error's `context`.

        A .zip brings all its LoRAs with what is beside them, in its folders: `record` is the
        first one's, and `uploads` says what became of each file in it."""
        return await receive_upload(request, Sent.read(filename, folder, beside), uploads)

    @router.put("/api/loras/sidecar", summary="Add a file beside a LoRA")
    async def sidecar(request: Request, name: str, filename: str) -> OneDone:
        """The body is a preview or a description; the ending of `filename` says which. Nothing
        is overwritten: one that is there already is an error."""
        record = await receive_sidecar(request, name, filename, uploads)
        return OneDone(ok=True, record=record)
