"""SHA256 of LoRA files."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from backend.lora.background import Background
from backend.lora.header import open_regular

CHUNK_BYTES = 1024 * 1024
PAUSES = 3  # times as long as the work: a quarter of the time is used


def file_sha256(path: Path) -> str:
    """SHA256 of a file in hexadecimal. Raises LoRAFileError if it cannot be opened."""
    digest = hashlib.sha256()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def file_sha256_slowly(path: Path, background: Background) -> str | None:
    """The same with a small share of the disk and the processor; None once it is cancelled."""
    digest = hashlib.sha256()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        while not background.is_cancelled:
            started = time.monotonic()
            chunk = file.read(CHUNK_BYTES)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
            background.pause(PAUSES * (time.monotonic() - started))
    return None
