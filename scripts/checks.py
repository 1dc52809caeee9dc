"""Checks that a change must pass: format, lint, types, the page's css and js, tests.

    python start.py test                       all of it
    python start.py test tests/jobs -k cancel  arguments go to pytest

The first run installs what that needs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts import chromium, environment, page_check


def main(words: list[str]) -> int:
    """Gives the exit code of the first check that fails, or 0. Raises SetupError."""
    environment.prepare(environment.DEVELOPMENT)
    browser = {"CHROMIUM": chromium.find_or_install()}
    return check_source() or run_tests(words, browser)


def check_source() -> int:
    """Format, lint and types of the Python, format and lint of the page's css and js."""
    return (
        module("ruff", "check", ".")
        or module("ruff", "format", "--check", ".")
        or module("mypy")
        or page_check.check([])
    )


def run_tests(words: list[str], browser: dict[str, str]) -> int:
    """The tests that `words` name to pytest, or all."""
    if words:
        return module("pytest", *words, variables=browser)
    # Temporary files go where no other run of pytest tidies up.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        # The page's tests come last and alone: the browser and the server need both cores.
        return run_quick_tests(Path(scratch) / "rest", browser) or run_browser_tests(
            Path(scratch) / "browser", browser
        )


def run_quick_tests(scratch: Path, browser: dict[str, str]) -> int:
    """All that need no page, in two processes."""
    processes = ("--numprocesses", "2", "--dist", "loadfile")
    rest = ("--durations", "30", "--basetemp", str(scratch), "--ignore", "tests/browser")
    return module("pytest", *processes, *rest, variables=browser)


def run_browser_tests(scratch: Path, browser: dict[str, str]) -> int:
    rest = ("--durations", "15", "--basetemp", str(scratch), "tests/browser")
    return module("pytest", *rest, variables=browser)


def module(name: str, *arguments: str, variables: dict[str, str] | None = None) -> int:
    """Run a module of the environment's packages."""
    return environment.run([environment.venv_python(), "-m", name, *arguments], variables)
