"""Gone folder: what is said when the library's folder is not there, or nothing can be put in."""

from __future__ import annotations

import errno
from pathlib import Path

from wan_lora_studio.errors import LoRAError, UploadError


def folder_gone(folder: Path) -> LoRAError:
    """The library's folder is away as a whole."""
    return LoRAError(
        f"The LoRA folder {folder} is not there.",
        cause="It was moved or removed, or its disk is not connected.",
        suggestions=[
            "Bring the folder back: its LoRAs show again by themselves.",
            "Or set loras_dir in config.json to another folder, and start again.",
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
        f"{filename} could not be written: {error.strerror or error}.",
        suggestions=["Free some space on the disk of the LoRA folder and try again."],
        context={"reason": "disk"} if error.errno == errno.ENOSPC else {},
    )
