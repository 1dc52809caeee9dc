"""The backend's public face. What needs torch is loaded on first use (PEP 562)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from backend.diagnostics import diagnostics
from backend.errors import (
    CancelledByUser,
    GenerationError,
    IncompatibleLoRAError,
    InUseError,
    LoRAError,
    LoRAFileError,
    LoRALoadingError,
    LoRANotFoundError,
    ModelLoadError,
    RequestError,
    SettingsError,
    StorageError,
    StudioError,
    UnsupportedLoRAError,
    UploadError,
    VRAMError,
    handle_error_with_recovery,
)
from backend.jobs.instances import is_running
from backend.jobs.job import Part
from backend.jobs.queue import JobQueue
from backend.kept_files import Copies
from backend.keyword_names import either_name
from backend.logs import start_logging
from backend.lora.accelerators import Accelerator, accelerator_of, tags_with
from backend.lora.compatibility import Compatibility
from backend.lora.documents import Documents
from backend.lora.picture_sources import NoPictureError, read_picture
from backend.lora.prompt_notation import unsupported_in
from backend.lora.selection import LoRASelection
from backend.lora.set_files import SetItem
from backend.lora.sets import LoRASets
from backend.lora.upload import LoRAUploadHandler
from backend.lora.wangp import parse_multipliers
from backend.media import Media, open_media
from backend.results.library import ResultLibrary
from backend.results.query import ResultQuery
from backend.results.reading import read_facts
from backend.results.restoring import hashed_records, restore
from backend.settings import Settings, load_settings
from backend.units import from_mb
from backend.untrusted_json import UntrustedJSONError, read_json, read_object
from backend.versions import versions
from backend.wan.identity import installed_fingerprint
from backend.wan.manager import LoRAManager
from backend.wan.steps import StepSplit, split_steps
from backend.wan.task import GenerationResult, GenerationTask, Progress

if TYPE_CHECKING:
    from backend.wan.generation import generate_video
    from backend.wan.models import ModelManager
    from lora_ui.state import LoRAUIState

__all__ = [
    "Accelerator",
    "CancelledByUser",
    "Compatibility",
    "Copies",
    "Documents",
    "GenerationError",
    "GenerationResult",
    "GenerationTask",
    "InUseError",
    "IncompatibleLoRAError",
    "JobQueue",
    "LoRAError",
    "LoRAFileError",
    "LoRALoadingError",
    "LoRAManager",
    "LoRANotFoundError",
    "LoRASelection",
    "LoRASets",
    "LoRAUIState",
    "LoRAUploadHandler",
    "Media",
    "ModelLoadError",
    "ModelManager",
    "NoPictureError",
    "Part",
    "Progress",
    "RequestError",
    "ResultLibrary",
    "ResultQuery",
    "SetItem",
    "Settings",
    "SettingsError",
    "StepSplit",
    "StorageError",
    "StudioError",
    "UnsupportedLoRAError",
    "UntrustedJSONError",
    "UploadError",
    "VRAMError",
    "accelerator_of",
    "diagnostics",
    "either_name",
    "from_mb",
    "generate_video",
    "handle_error_with_recovery",
    "hashed_records",
    "installed_fingerprint",
    "is_running",
    "load_settings",
    "open_media",
    "parse_multipliers",
    "read_facts",
    "read_json",
    "read_object",
    "read_picture",
    "restore",
    "split_steps",
    "start_logging",
    "tags_with",
    "unsupported_in",
    "versions",
]

_ON_FIRST_USE = {
    "LoRAUIState": "lora_ui.state",
    "ModelManager": "backend.wan.models",
    "generate_video": "backend.wan.generation",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'utils' has no attribute {name!r}")
    value = getattr(importlib.import_module(_ON_FIRST_USE[name]), name)
    globals()[name] = value
    return value
