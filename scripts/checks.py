"""Checks that a change must pass: format, lint, types, the page's css and js, tests.

    python start.py test                       all of it
    python start.py test --fast                what takes minutes: no browser, no crash loops, and
                                               some cases of the model's tests instead of all
    python start.py test tests/jobs -k cancel  arguments go to pytest

The first run installs what that needs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts import chromium, environment, page_check

FAST = "--fast"  # an option of tests/conftest.py, which says what is left out
WITHOUT_PAGE = ("--ignore", "tests/browser")
# A test file may be shared by both processes, or the longest would end alone.
TWO_PROCESSES = ("--numprocesses", "2", "--dist", "worksteal")


def main(words: list[str]) -> int:
    """Gives the exit code of the first check that fails, or 0. Raises SetupError."""
    environment.prepare(environment.DEVELOPMENT)
    if words == [FAST]:
        return check_source() or run_fast_tests()
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
    with scratch_folder() as scratch:
        # The page's tests come last and alone: the browser and the server need both cores.
        return run_quick_tests(scratch / "rest", browser) or run_browser_tests(
            scratch / "browser", browser
        )


def run_fast_tests() -> int:
    """What takes minutes."""
    with scratch_folder() as scratch:
        return run_quick_tests(scratch / "fast", {}, FAST)


def run_quick_tests(scratch: Path, browser: dict[str, str], *options: str) -> int:
    """All that need no page."""
    how = (*options, *TWO_PROCESSES, *WITHOUT_PAGE, *reporting(scratch))
    return module("pytest", *how, variables=browser)


def run_browser_tests(scratch: Path, browser: dict[str, str]) -> int:
    return module("pytest", *reporting(scratch), "tests/browser", variables=browser)


def reporting(scratch: Path) -> tuple[str, ...]:
    """With the slowest tests at the end; temporary files go to `scratch`."""
    return ("--durations", "30", "--basetemp", str(scratch))


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A place for temporary files where no other run of pytest tidies up."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def module(name: str, *arguments: str, variables: dict[str, str] | None = None) -> int:
    """Run a module of the environment's packages."""
    return environment.run([environment.venv_python(), "-m", name, *arguments], variables)
