"""Reading a small file that somebody else may have put there."""

from __future__ import annotations

import os
from pathlib import Path

from backend.errors import LoRAFileError
from backend.lora.header import open_regular


def read_small(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    A link is followed. Raises OSError for anything else; no FIFO is waited for.
    """
    try:
        descriptor = open_regular(path)
    except LoRAFileError as error:
        raise OSError(error.message) from error
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(f"it is larger than {limit} bytes")
    return data
