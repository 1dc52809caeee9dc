"""Hashing: SHA256 of LoRA files, whole and without the header."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from wan_lora_studio.lora.files.opening import open_regular

CHUNK_BYTES = 1024 * 1024


class Hashes(NamedTuple):
    """SHA256 in hexadecimal: of a whole safetensors file, and of what follows its header."""

    whole: str
    data: str


class Hashing:
    """Computes both hashes of a safetensors file that comes in pieces."""

    def __init__(self) -> None:
        self._whole, self._data = hashlib.sha256(), hashlib.sha256()
        self._length = b""  # the first eight bytes, which hold the header's length
        self._skipped = 0  # bytes of the header that have passed

    def update(self, chunk: bytes) -> None:
        self._whole.update(chunk)
        rest = memoryview(chunk)
        missing = 8 - len(self._length)
        if missing:
            self._length += bytes(rest[:missing])
            rest = rest[missing:]
        if len(self._length) == 8 and rest:
            left = int.from_bytes(self._length, "little") - self._skipped
            self._skipped += min(left, len(rest))
            self._data.update(rest[left:])

    @property
    def hashes(self) -> Hashes:
        return Hashes(self._whole.hexdigest(), self._data.hexdigest())


def file_sha256(path: Path) -> str:
    """SHA256 of a file in hexadecimal. Raises LoRAFileError if it cannot be opened."""
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hashes(path: Path) -> Hashes:
    """Both hashes of a file. Raises LoRAFileError if it cannot be opened."""
    digest = Hashing()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hashes
