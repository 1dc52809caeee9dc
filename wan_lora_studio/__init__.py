"""Wan2.2 LoRA Studio: the public face. Every name is loaded on first use (PEP 562).

So `import wan_lora_studio` is quick, and what needs torch loads it only when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wan_lora_studio.lazy_exports import on_first_use

if TYPE_CHECKING:
    from lora_ui.extension import LoRAExtension
    from wan_lora_studio.backups import Copies
    from wan_lora_studio.diagnostic_text import diagnostics
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
    from wan_lora_studio.installed_versions import versions
    from wan_lora_studio.jobs.job import Part
    from wan_lora_studio.jobs.queue import JobQueue
    from wan_lora_studio.jobs.supervisor import is_running
    from wan_lora_studio.keyword_names import either_name
    from wan_lora_studio.logs import start_logging
    from wan_lora_studio.lora.files import NoPictureError, read_picture
    from wan_lora_studio.lora.inspection import Compatibility
    from wan_lora_studio.lora.selection import (
        Accelerator,
        LoRASelection,
        LoRASets,
        SetItem,
        accelerator_of,
        parse_multipliers,
        tags_with,
        unsupported_in,
    )
    from wan_lora_studio.lora.uploads import LoRAUploadHandler
    from wan_lora_studio.media import Media, open_media
    from wan_lora_studio.results import (
        ResultLibrary,
        ResultQuery,
        hashed_records,
        read_facts,
        restore,
    )
    from wan_lora_studio.session import LoRAUIState
    from wan_lora_studio.settings import Settings
    from wan_lora_studio.units import from_mb
    from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json, read_object
    from wan_lora_studio.wan.found_models import load_settings
    from wan_lora_studio.wan.generation import generate_video
    from wan_lora_studio.wan.lora_manager import LoRAManager
    from wan_lora_studio.wan.models import ModelManager, installed_fingerprint
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
    "LoRAExtension",
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

__getattr__ = on_first_use(
    __name__,
    {
        "Accelerator": "lora.selection",
        "CancelledByUser": "errors",
        "Compatibility": "lora.inspection",
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
        "LoRASelection": "lora.selection",
        "LoRASets": "lora.selection",
        "LoRAUIState": "session",
        "LoRAUploadHandler": "lora.uploads",
        "Media": "media",
        "ModelLoadError": "errors",
        "ModelManager": "wan.models",
        "NoPictureError": "lora.files",
        "Part": "jobs.job",
        "Progress": "wan.task",
        "RequestError": "errors",
        "ResultLibrary": "results",
        "ResultQuery": "results",
        "SetItem": "lora.selection",
        "Settings": "settings",
        "SettingsError": "errors",
        "StepSplit": "wan.steps",
        "StorageError": "errors",
        "StudioError": "errors",
        "UnsupportedLoRAError": "errors",
        "UntrustedJSONError": "untrusted_json",
        "UploadError": "errors",
        "VRAMError": "errors",
        "accelerator_of": "lora.selection",
        "diagnostics": "diagnostic_text",
        "either_name": "keyword_names",
        "from_mb": "units",
        "generate_video": "wan.generation",
        "handle_error_with_recovery": "errors",
        "hashed_records": "results",
        "installed_fingerprint": "wan.models",
        "is_running": "jobs.supervisor",
        "load_settings": "wan.found_models",
        "open_media": "media",
        "parse_multipliers": "lora.selection",
        "read_facts": "results",
        "read_json": "untrusted_json",
        "read_object": "untrusted_json",
        "read_picture": "lora.files",
        "restore": "results",
        "split_steps": "wan.steps",
        "start_logging": "logs",
        "tags_with": "lora.selection",
        "unsupported_in": "lora.selection",
        "versions": "installed_versions",
    },
    {"LoRAExtension": "lora_ui.extension"},
)
