"""API: every route of ours in one FastAPI application, without the page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError

from lora_ui.http import (
    QuietRefusals,
    RevalidatedFiles,
    create_lora_router,
    lora_assets,
    refuse_request,
)
from lora_ui.static import ASSETS_URL as LORA_ASSETS_URL
from wan_lora_studio.backups import Copies
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.model_list import ModelList
from wan_lora_studio.model_store import ModelDownloads
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.settings import Settings
from wan_lora_studio.shipped import SHIPPED
from wan_lora_studio.ui.forms import Housekeeping, LoRATrials, PictureStore, TaskForms
from wan_lora_studio.ui.http.cpu_use import CpuMeter
from wan_lora_studio.ui.http.diagnostics import create_diagnostics_router
from wan_lora_studio.ui.http.guide import create_guide_router
from wan_lora_studio.ui.http.health import create_health_router
from wan_lora_studio.ui.http.jobs import create_job_router
from wan_lora_studio.ui.http.measured_times import MeasuredTimes
from wan_lora_studio.ui.http.models import create_model_router
from wan_lora_studio.ui.http.opening import create_opening_router
from wan_lora_studio.ui.http.restore import create_restore_router
from wan_lora_studio.ui.http.results import create_result_router
from wan_lora_studio.ui.http.sheets import create_sheet_router
from wan_lora_studio.ui.http.status import create_status_router
from wan_lora_studio.ui.http.trash import create_trash_router
from wan_lora_studio.ui.http.trials import create_trial_router
from wan_lora_studio.ui.http.unknown_addresses import refuse_unknown_addresses
from wan_lora_studio.ui.static import ASSETS, ASSETS_URL, TITLE
from wan_lora_studio.wan.lora_manager import LoRAManager

DESCRIPTION = (
    "Everything that the page does, for scripts. Ids and names are taken, never paths. A refusal"
    ' is `{"error": {...}}` with a message and suggestions. Where a login is set, send it as'
    " HTTP basic authentication, or a token as `Authorization: Bearer`."
)


def build_api(
    settings: Settings,
    loras: LoRAManager,
    uploads: LoRAUploadHandler,
    queue: JobQueue,
    *,
    more: Sequence[APIRouter] = (),
    on_ready: Callable[[], None] = lambda: None,
    version: str = "0",
) -> FastAPI:
    """The application without its page, with `more` addresses. The queue runs while it does."""
    results = ResultLibrary(settings)
    pictures = PictureStore(settings.data_dir / "pictures")
    copies = Copies(settings)
    housekeeping = Housekeeping(settings, queue, results, pictures, copies)
    cpu = CpuMeter()
    times = MeasuredTimes(queue)
    models = ModelList(settings, ModelDownloads(settings), measured=times.of)
    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version=version,
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own page loads its scripts from another host
        redoc_url=None,
        lifespan=_lifespan(queue, housekeeping, models.downloads, on_ready),
    )
    app.add_exception_handler(RequestValidationError, refuse_request)
    app.add_middleware(QuietRefusals)
    app.include_router(create_lora_router(settings, loras, uploads, results=results))
    app.include_router(create_status_router(loras, queue, results, copies, cpu))
    app.include_router(create_sheet_router(queue, results))
    forms = TaskForms(pictures, settings)
    app.include_router(create_job_router(queue, forms))
    app.include_router(create_trial_router(queue, forms, LoRATrials(settings, loras), loras))
    app.include_router(create_model_router(models, queue))
    app.include_router(create_diagnostics_router(queue, settings))
    app.include_router(create_health_router(queue, loras, results, cpu))
    # Before the results, whose addresses begin with an id.
    app.include_router(create_trash_router(results))
    app.include_router(create_restore_router(settings, loras, results, pictures))
    app.include_router(create_result_router(results, queue, loras, pictures))
    app.include_router(create_opening_router(settings))
    app.include_router(create_guide_router(SHIPPED))
    for router in more:
        app.include_router(router)
    refuse_unknown_addresses(app)
    app.mount(LORA_ASSETS_URL, lora_assets())
    app.mount(ASSETS_URL, RevalidatedFiles(directory=ASSETS))
    return app


def _lifespan(
    queue: JobQueue,
    housekeeping: Housekeeping,
    downloads: ModelDownloads,
    on_ready: Callable[[], None],
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        queue.start()
        housekeeping.start()
        on_ready()
        try:
            yield
        finally:
            housekeeping.stop()
            downloads.close()
            queue.close()

    return run
