"""A jail for a process that reads what a stranger made: what it needs is open already, and
nothing else can be reached from in it.

It imports nothing but the standard library, and not much of that.
"""

from __future__ import annotations

from dataclasses import dataclass

from wan_lora_studio.sandbox.file_access import refuse_files
from wan_lora_studio.sandbox.system_calls import refuse_system_calls

OPEN_FILES = 64


@dataclass(frozen=True)
class Limits:
    """What the process may use in its life."""

    memory: int  # bytes of addresses
    cpu_seconds: int
    written: int = 0  # bytes of a file


def enter_jail(limits: Limits) -> list[str]:
    """Enter it; there is no way back. Gives the names of what this system does not offer."""
    missing = []
    if not _limited(limits):
        missing.append("limits")
    if not refuse_files():
        missing.append("landlock")
    if not refuse_system_calls():
        missing.append("seccomp")
    return missing


def _limited(limits: Limits) -> bool:
    try:
        import resource
    except ImportError:
        return False
    wanted = {
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.written,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    try:
        for kind, value in wanted.items():
            resource.setrlimit(kind, (value, value))
    except (OSError, ValueError):
        return False
    return True
