"""A folder that is really read-only for a test: a child process in which it is mounted so.

The mount is in a namespace of the child's own. Where mounting is not allowed, the folder's rights
are taken away for the while, which binds everybody but root.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.paths import ROOT

MOUNT = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


def run_read_only(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with the arguments; nothing below the folder can be changed meanwhile. Raises
    OSError where there is no way to have such a folder."""
    for own in (["unshare", "--mount"], ["unshare", "--mount", "--user", "--map-root-user"]):
        inside = [*own, "sh", "-c", MOUNT, "sh", str(folder)]
        with suppress(FileNotFoundError):
            if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode == 0:
                return _run([*inside, sys.executable, *arguments])
    if os.geteuid() == 0:
        raise OSError("This system lets nobody mount a folder read-only.")
    return _run_without_rights(arguments, folder)


def _run_without_rights(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    places = [folder, *folder.rglob("*")]
    modes = {place: place.stat().st_mode for place in places}
    try:
        for place, mode in modes.items():
            place.chmod(mode & ~0o222)
        return _run([sys.executable, *arguments])
    finally:
        for place, mode in modes.items():
            place.chmod(mode)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
