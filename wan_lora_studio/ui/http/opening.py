"""Opening routes: the two videos that the page opens with."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from lora_ui.http import ErrorRoute, served
from wan_lora_studio.settings import Settings
from wan_lora_studio.ui.messages import result_gone
from wan_lora_studio.wan.models import OPENING

CACHED = {"Cache-Control": "no-cache"}


def create_opening_router(settings: Settings) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute, tags=["results"])

    @router.get("/api/opening/{which}", response_class=FileResponse)
    def opening(which: Literal["without", "with"]) -> Response:
        """The ready example of the default model without its LoRA, or with it."""
        folder = settings.model_folder(settings.default_model) / OPENING
        answer = served(folder / f"{which}.mp4", "video/", CACHED)
        if answer is None:
            raise result_gone()
        return answer

    return router
