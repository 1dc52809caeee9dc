"""SHA256 of LoRA files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from backend.lora.header import open_regular

CHUNK_BYTES = 1024 * 1024


def file_sha256(path: Path) -> str:
    """SHA256 of a file in hexadecimal. Raises LoRAFileError if it cannot be opened."""
    digest = hashlib.sha256()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
