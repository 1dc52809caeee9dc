"""Gone folder: what is said when the library's folder is not there, or nothing can be put in."""

from __future__ import annotations

import errno
from pathlib import Path

from wan_lora_studio.errors import LoRAError, UploadError
from wan_lora_studio.texts import say


def folder_gone(folder: Path) -> LoRAError:
    """The library's folder is away as a whole."""
    return LoRAError(
        say("lora.storage.gone", folder=folder),
        cause=say("lora.storage.gone_cause"),
        suggestions=[
            say("lora.storage.bring_back"),
            say("lora.storage.other_folder"),
        ],
        context={"folder": str(folder)},
    )


def not_written(filename: str, folder: Path, error: OSError) -> UploadError:
    """Why an upload into the library at `folder` could not be written."""
    if not folder.is_dir():
        gone = folder_gone(folder)
        return UploadError(
            gone.message, cause=gone.cause, suggestions=gone.suggestions, context=gone.context
        )
    return UploadError(
        say("lora.storage.not_written", file=filename, reason=error.strerror or error),
        suggestions=[say("lora.storage.free_and_retry")],
        context={"reason": "disk"} if error.errno == errno.ENOSPC else {},
    )
