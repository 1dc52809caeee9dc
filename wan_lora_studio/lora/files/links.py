"""Symbolic links: what is wrong with one that leads nowhere."""

from __future__ import annotations

import errno
from pathlib import Path

from wan_lora_studio.texts import say


def broken_link(path: Path, error: OSError) -> str:
    """What is wrong with a link that cannot be followed, as the end of a sentence."""
    try:
        target = str(path.readlink())
    except OSError:
        return say("lora.files.link.not_followed", reason=error.strerror or error)
    if error.errno == errno.ELOOP:
        return say("lora.files.link.circle")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return say("lora.files.link.target_gone", target=repr(target))
    return say(
        "lora.files.link.target_unreadable", target=repr(target), reason=error.strerror or error
    )
