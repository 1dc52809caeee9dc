"""Symbolic links: what is wrong with one that leads nowhere."""

from __future__ import annotations

import errno
from pathlib import Path


def broken_link(path: Path, error: OSError) -> str:
    """What is wrong with a link that cannot be followed, as the end of a sentence."""
    try:
        target = str(path.readlink())
    except OSError:
        return f"cannot be followed: {error.strerror or error}"
    if error.errno == errno.ELOOP:
        return "is a link that leads in a circle"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"is a link to {target!r}, which is not there"
    return f"is a link to {target!r}, which cannot be read: {error.strerror or error}"
