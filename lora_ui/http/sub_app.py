"""Sub-app: all that one extension serves, below a prefix of its own in another app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError

from lora_ui.http.host_results import Videos, create_host_results_router
from lora_ui.http.host_status import create_host_status_router
from lora_ui.http.quiet_refusals import QuietRefusals
from lora_ui.http.responses import refuse_request
from lora_ui.http.router import create_lora_router, kept_sessions, lora_assets
from lora_ui.http.selection import SessionCookie
from lora_ui.static import ASSETS_URL
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.wan.lora_manager import LoRAManager


@dataclass(frozen=True)
class Shown:
    """What a sub-app shows: a library, what is applied of it, and the videos of the host.

    `key` tells extensions of one page apart, `library` the libraries of one extension.
    """

    key: str
    library: str
    loras: LoRAManager
    applied: Callable[[], Mapping[str, Any]]
    videos: Videos | None = None


def create_sub_app(shown: Shown) -> FastAPI:
    loras = shown.loras
    settings = loras.settings
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_exception_handler(RequestValidationError, refuse_request)
    app.add_middleware(QuietRefusals)
    app.include_router(
        create_lora_router(
            settings,
            loras,
            LoRAUploadHandler(settings, loras),
            kept_sessions(settings, loras),
            results=shown.videos,
            # Below the routes, wherever the host has them: a proxy may add to the path.
            cookie=SessionCookie(f"lora_session_{shown.key}", path=None),
        )
    )
    app.include_router(create_host_status_router(loras, shown.applied, shown.library))
    if shown.videos is not None:
        app.include_router(create_host_results_router(loras, shown.videos))
    app.mount(ASSETS_URL, lora_assets())
    return app
