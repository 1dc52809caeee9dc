"""Reading a small file that somebody else may have put there."""

from __future__ import annotations

import os
from pathlib import Path

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files.header import open_regular


def read_small(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    A link is followed to a file of the same ending, or into a hub cache's blobs, which have none:
    what is read here is shown to people. Raises OSError for anything else; no FIFO is waited for.
    """
    if path.is_symlink() and not _leads_to_its_kind(path):
        raise OSError("it is a link to a file of another kind")
    try:
        descriptor = open_regular(path)
    except LoRAFileError as error:
        raise OSError(error.message) from error
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(f"it is larger than {limit} bytes")
    return data


def _leads_to_its_kind(link: Path) -> bool:
    target = link.resolve()
    same_ending = target.suffix.casefold() == link.suffix.casefold()
    return same_ending or (target.parent.name == "blobs" and not target.suffix)
