"""The backend's public face. What needs torch is loaded on first use (PEP 562)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from wan_lora_studio.backups import Copies
from wan_lora_studio.diagnostics import diagnostics
from wan_lora_studio.documents import Documents
from wan_lora_studio.errors import (
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
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.jobs.supervisor.instances import is_running
from wan_lora_studio.keyword_names import either_name
from wan_lora_studio.logs import start_logging
from wan_lora_studio.lora.files.preview_sources import NoPictureError, read_picture
from wan_lora_studio.lora.inspection.compatibility import Compatibility
from wan_lora_studio.lora.selection.accelerators import Accelerator, accelerator_of, tags_with
from wan_lora_studio.lora.selection.prompt_notation import unsupported_in
from wan_lora_studio.lora.selection.set_files import SetItem
from wan_lora_studio.lora.selection.sets import LoRASets
from wan_lora_studio.lora.selection.strengths import LoRASelection
from wan_lora_studio.lora.selection.wangp_multipliers import parse_multipliers
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.media import Media, open_media
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.results.query import ResultQuery
from wan_lora_studio.results.reading import read_facts
from wan_lora_studio.results.restoring import hashed_records, restore
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.units import from_mb
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json, read_object
from wan_lora_studio.versions import versions
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models.identity import installed_fingerprint
from wan_lora_studio.wan.steps import StepSplit, split_steps
from wan_lora_studio.wan.task import GenerationResult, GenerationTask, Progress

if TYPE_CHECKING:
    from wan_lora_studio.session.state import LoRAUIState
    from wan_lora_studio.wan.generation.generate_video import generate_video
    from wan_lora_studio.wan.models.loading import ModelManager

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
    "LoRAUIState": "wan_lora_studio.session.state",
    "ModelManager": "wan_lora_studio.wan.models.loading",
    "generate_video": "wan_lora_studio.wan.generation.generate_video",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'utils' has no attribute {name!r}")
    value = getattr(importlib.import_module(_ON_FIRST_USE[name]), name)
    globals()[name] = value
    return value
