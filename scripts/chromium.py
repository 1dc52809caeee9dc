"""Chromium for the page's tests: found, or installed if there is none.

`python -m scripts.chromium` prints its path, and nothing if Playwright's own is to be used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.environment import SetupError, run, say, venv_python

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
WINDOWS = r"Google\Chrome\Application\chrome.exe"
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
MISSING = (
    "The page's tests need Chromium, and it could not be installed. Install it (package\n"
    "'chromium', or Google Chrome) and run this again, or give its path as CHROMIUM=..."
)


def find_or_install() -> str:
    """The path of a Chromium; empty if Playwright's own is to be used. Raises SetupError."""
    path = find()
    if path is None and _install_with_apt():
        path = find()
    if path is not None:
        return path
    if run([venv_python(), "-m", "playwright", "install", "chromium"], output=sys.stderr):
        raise SetupError(MISSING)
    return ""


def find() -> str | None:
    named = os.environ.get("CHROMIUM")
    for name in (named, *NAMES) if named else NAMES:
        path = shutil.which(name)
        if path and _runs(path):
            return path
    return next((str(path) for path in _usual_places() if path.is_file()), None)


def _usual_places() -> list[Path]:
    if sys.platform == "darwin":
        return [Path(MAC)]
    if sys.platform == "win32":
        folders = (os.environ.get(name) for name in WINDOWS_FOLDERS)
        return [Path(folder) / WINDOWS for folder in folders if folder]
    return []


def _runs(path: str) -> bool:
    """Ubuntu has a command of this name that only says how to install it."""
    if sys.platform == "win32":  # where --version opens a window
        return True
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return answer.returncode == 0


def _install_with_apt() -> bool:
    if sys.platform != "linux" or not shutil.which("apt-get"):
        return False
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and (not shutil.which("sudo") or _quietly([*as_root, "true"])):
        return False
    say("Installing Chromium for the page's tests.")
    install = ["apt-get", "install", "-qy", "--no-install-recommends", "chromium"]
    without_questions = ["env", "DEBIAN_FRONTEND=noninteractive"]
    return not (
        run([*as_root, "apt-get", "update", "-q"], output=sys.stderr)
        or run([*as_root, *without_questions, *install, "fonts-liberation"], output=sys.stderr)
    )


def _quietly(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def main() -> int:
    try:
        print(find_or_install())
    except SetupError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
