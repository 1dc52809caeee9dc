"""File manager of the desktop: showing a file to a user who sits at this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from fastapi import Request

from wan_lora_studio.ui.static import LOOPBACK

FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


def is_local(request: Request) -> bool:
    """Whether the browser runs on this machine, and not behind a proxy that does."""
    host = request.client.host if request.client else ""
    return host in LOOPBACK and not any(name in request.headers for name in FORWARDED)


def show_in_folder(path: Path) -> bool:
    """Open the file's folder; False where there is no desktop to do it."""
    command = _command(path)
    if command is None:
        return False
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True


def _command(path: Path) -> list[str] | str | None:
    if sys.platform == "darwin":
        return ["open", "-R", str(path)]
    if sys.platform == "win32":
        return f'explorer /select,"{path}"'  # it does not take the whole argument in quotes
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    opener = shutil.which("xdg-open")
    return [opener, str(path.parent)] if screen and opener else None
