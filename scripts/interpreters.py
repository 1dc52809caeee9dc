"""Interpreters: a Python that is new enough for the app. Any Python 3.7 can read this file."""

from __future__ import annotations

import shutil
import subprocess
import sys

LEAST = (3, 11)
NAMES = ("python3", "python3.11", "python3.12", "python3.13", "python3.14", "python")
# The launcher of Python for Windows finds what is not on the PATH.
WINDOWS_NAMES = ("-3.14", "-3.13", "-3.12", "-3.11")


def run_with_a_newer_one(arguments: list[str]) -> int:
    """Run `arguments` with the first Python that is new enough; gives its exit code."""
    for command in _candidates():
        if _is_new_enough(command):
            return subprocess.call([*command, *arguments])
    least = ".".join(map(str, LEAST))
    mine = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {least} or newer is needed and was not found; this is Python {mine}.")
    print("Install it from https://www.python.org/downloads/ or with the system's packages,")
    print(f"then run: /path/to/python{least} start.py")
    return 1


def _candidates() -> list[list[str]]:
    found = [[name] for name in NAMES if shutil.which(name)]
    if sys.platform == "win32" and shutil.which("py"):
        found += [["py", version] for version in WINDOWS_NAMES]
    return found


def _is_new_enough(command: list[str]) -> bool:
    question = f"import sys; sys.exit(sys.version_info < {LEAST})"
    try:
        answer = subprocess.run(
            [*command, "-c", question],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return answer.returncode == 0
