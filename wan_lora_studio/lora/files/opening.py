"""Opening files that somebody else may have put there: regular ones only, and small ones whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.filesystem import READ
from wan_lora_studio.lora.files.links import broken_link
from wan_lora_studio.texts import say

GONE = "gone"  # an error's `reason` where the file is not there at the moment


def read_small(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    A link is followed to a file of the same ending, or into a hub cache's blobs, which have none:
    what is read here is shown to people. Raises OSError for anything else; no FIFO is waited for.
    """
    if path.is_symlink() and not _leads_to_its_kind(path):
        raise OSError(say("lora.files.opening.foreign_link"))
    try:
        descriptor = open_regular(path)
    except LoRAFileError as error:
        raise OSError(error.message) from error
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(say("lora.files.opening.too_large", limit=limit))
    return data


def _leads_to_its_kind(link: Path) -> bool:
    target = link.resolve()
    same_ending = target.suffix.casefold() == link.suffix.casefold()
    return same_ending or (target.parent.name == "blobs" and not target.suffix)


def open_regular(path: Path) -> int:
    """A read-only descriptor of a regular file; the caller closes it. Never blocks.

    A link is followed: its owner put it there. Raises LoRAFileError for a missing file, a link
    that leads nowhere, a FIFO, a device or a folder; none of these is opened.
    """
    try:
        # Opening some devices does something, so they are told before; and again once it is open.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _not_regular(path)
        descriptor = os.open(path, READ)
    except OSError as error:
        raise _not_opened(path, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path)
    return descriptor


def _not_regular(path: Path) -> LoRAFileError:
    said = (
        say("lora.files.opening.link_not_regular", file=path.name)
        if path.is_symlink()
        else say("lora.files.opening.not_regular", file=path.name)
    )
    return LoRAFileError(said, suggestions=[say("lora.files.opening.put_safetensors")])


def _not_opened(path: Path, error: OSError) -> LoRAFileError:
    if path.is_symlink():
        return LoRAFileError(
            say("lora.files.opening.broken_link", file=path.name, problem=broken_link(path, error)),
            suggestions=[
                say("lora.files.opening.bring_back"),
                say("lora.files.opening.only_the_link"),
            ],
            context={"reason": GONE},
        )
    if isinstance(error, FileNotFoundError):
        return LoRAFileError(
            say("lora.files.opening.missing", file=path.name),
            suggestions=[say("lora.files.opening.refresh")],
        )
    return LoRAFileError(
        say("lora.files.opening.unreadable", file=path.name, reason=error.strerror or error),
        suggestions=[say("lora.files.opening.permissions")],
    )
