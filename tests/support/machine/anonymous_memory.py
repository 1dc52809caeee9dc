"""Anonymous memory of a process: what it holds that no file backs, which is what runs out."""

from __future__ import annotations

import time
from pathlib import Path
from subprocess import Popen

FIELD = "RssAnon:"


def anonymous_bytes(pid: int | str = "self") -> int:
    """0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = next((line.split() for line in lines if line.startswith(FIELD)), None)
    return 0 if found is None else int(found[1]) * 1024


def peak_of(process: Popen[bytes]) -> int:
    """The most that it held at once until it ended, looked at from outside, whatever it does."""
    most = 0
    while process.poll() is None:
        most = max(most, anonymous_bytes(process.pid))
        time.sleep(0.001)
    return most
