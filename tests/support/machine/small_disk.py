"""A real small disk for a test: a child process in which a tmpfs of a few MB is mounted.

The mount is in a namespace of the child's own, so nothing is left of it, however the child ends.
Where mounting is not allowed, the container's own small tmpfs is filled up but for that size.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.paths import ROOT

SHARED = Path("/dev/shm")
MOST_TO_FILL = 1 << 30  # bytes of memory
MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


def run_on_small_disk(arguments: Sequence[str], size: int) -> subprocess.CompletedProcess[str]:
    """Run Python with the arguments; the last one that it gets is a folder on a disk with `size`
    bytes. Raises OSError where there is no way to have such a disk."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *arguments, folder]
        for own in (["unshare", "--mount"], ["unshare", "--mount", "--user", "--map-root-user"]):
            inside = [*own, "sh", "-c", MOUNT, "sh", str(size), folder]
            with suppress(FileNotFoundError):
                if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
                    continue
                return _run([*inside, *command])
    with tempfile.TemporaryDirectory(dir=SHARED) as folder:
        free = shutil.disk_usage(folder).free
        if not size < free < MOST_TO_FILL:
            raise OSError("This system lets nobody mount a tmpfs, and has no small one.")
        with tempfile.TemporaryFile(dir=SHARED) as filler:
            os.posix_fallocate(filler.fileno(), 0, free - size)
            return _run([sys.executable, *arguments, folder])


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
