"""Wan2.2 LoRA Studio: the public face. Every name is loaded on first use (PEP 562).

So `import wan_lora_studio` is quick, and what needs torch loads it only when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from wan_lora_studio.session.state import LoRAUIState
    from wan_lora_studio.settings import Settings, load_settings
    from wan_lora_studio.units import from_mb
    from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json, read_object
    from wan_lora_studio.versions import versions
    from wan_lora_studio.wan.generation.generate_video import generate_video
    from wan_lora_studio.wan.lora_manager import LoRAManager
    from wan_lora_studio.wan.models.identity import installed_fingerprint
    from wan_lora_studio.wan.models.loading import ModelManager
    from wan_lora_studio.wan.steps import StepSplit, split_steps
    from wan_lora_studio.wan.task import GenerationResult, GenerationTask, Progress

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

# Where each name is defined, below this package.
_ON_FIRST_USE = {
    "Accelerator": "lora.selection.accelerators",
    "CancelledByUser": "errors",
    "Compatibility": "lora.inspection.compatibility",
    "Copies": "backups",
    "Documents": "documents",
    "GenerationError": "errors",
    "GenerationResult": "wan.task",
    "GenerationTask": "wan.task",
    "InUseError": "errors",
    "IncompatibleLoRAError": "errors",
    "JobQueue": "jobs.queue",
    "LoRAError": "errors",
    "LoRAFileError": "errors",
    "LoRALoadingError": "errors",
    "LoRAManager": "wan.lora_manager",
    "LoRANotFoundError": "errors",
    "LoRASelection": "lora.selection.strengths",
    "LoRASets": "lora.selection.sets",
    "LoRAUIState": "session.state",
    "LoRAUploadHandler": "lora.uploads.handler",
    "Media": "media",
    "ModelLoadError": "errors",
    "ModelManager": "wan.models.loading",
    "NoPictureError": "lora.files.preview_sources",
    "Part": "jobs.job",
    "Progress": "wan.task",
    "RequestError": "errors",
    "ResultLibrary": "results.library",
    "ResultQuery": "results.query",
    "SetItem": "lora.selection.set_files",
    "Settings": "settings",
    "SettingsError": "errors",
    "StepSplit": "wan.steps",
    "StorageError": "errors",
    "StudioError": "errors",
    "UnsupportedLoRAError": "errors",
    "UntrustedJSONError": "untrusted_json",
    "UploadError": "errors",
    "VRAMError": "errors",
    "accelerator_of": "lora.selection.accelerators",
    "diagnostics": "diagnostics",
    "either_name": "keyword_names",
    "from_mb": "units",
    "generate_video": "wan.generation.generate_video",
    "handle_error_with_recovery": "errors",
    "hashed_records": "results.restoring",
    "installed_fingerprint": "wan.models.identity",
    "is_running": "jobs.supervisor.instances",
    "load_settings": "settings",
    "open_media": "media",
    "parse_multipliers": "lora.selection.wangp_multipliers",
    "read_facts": "results.reading",
    "read_json": "untrusted_json",
    "read_object": "untrusted_json",
    "read_picture": "lora.files.preview_sources",
    "restore": "results.restoring",
    "split_steps": "wan.steps",
    "start_logging": "logs",
    "tags_with": "lora.selection.accelerators",
    "unsupported_in": "lora.selection.prompt_notation",
    "versions": "versions",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ON_FIRST_USE[name]}"), name)
    globals()[name] = value
    return value
