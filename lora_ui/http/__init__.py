"""HTTP of the extension: the routes that the LoRA tab and the controls talk to.

Names only, never paths. It knows nothing of the app that hosts it.
"""

from __future__ import annotations

from lora_ui.http.card_fields import Cards
from lora_ui.http.host_results import GiveVideos, videos_of
from lora_ui.http.host_route import PREFIX, HostRoute, Served
from lora_ui.http.models import Found
from lora_ui.http.quiet_refusals import QuietRefusals
from lora_ui.http.responses import (
    FRESH,
    IMMUTABLE,
    ErrorRoute,
    RevalidatedFiles,
    error_response,
    refuse_request,
)
from lora_ui.http.router import create_lora_router, lora_assets
from lora_ui.http.same_origin import FOREIGN_PAGE, is_foreign_change, is_foreign_read
from lora_ui.http.served_files import served
from lora_ui.http.sets import SavedSet, listed
from lora_ui.http.sub_app import Shown, create_sub_app

__all__ = [
    "FOREIGN_PAGE",
    "FRESH",
    "IMMUTABLE",
    "PREFIX",
    "Cards",
    "ErrorRoute",
    "Found",
    "GiveVideos",
    "HostRoute",
    "QuietRefusals",
    "RevalidatedFiles",
    "SavedSet",
    "Served",
    "Shown",
    "create_lora_router",
    "create_sub_app",
    "error_response",
    "is_foreign_change",
    "is_foreign_read",
    "listed",
    "lora_assets",
    "refuse_request",
    "served",
    "videos_of",
]
