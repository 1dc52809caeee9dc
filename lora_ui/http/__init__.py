"""HTTP of the extension: the routes that the LoRA tab and the controls talk to.

Names only, never paths. It knows nothing of the app that hosts it.
"""

from __future__ import annotations

from lora_ui.http.models import Found
from lora_ui.http.responses import (
    FRESH,
    IMMUTABLE,
    ErrorRoute,
    RevalidatedFiles,
    error_response,
    refuse_request,
)
from lora_ui.http.router import create_lora_router, lora_assets
from lora_ui.http.served_files import served

__all__ = [
    "FRESH",
    "IMMUTABLE",
    "ErrorRoute",
    "Found",
    "RevalidatedFiles",
    "create_lora_router",
    "error_response",
    "lora_assets",
    "refuse_request",
    "served",
]
