"""What all tests share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.chromium import find
from tests.support.fast_run import thinned
from tests.support.time_limit import TEST_SECONDS

PLACES = ("/dev/shm", "/tmp", str(Path.cwd()))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures", action="store_true", help="write screenshots/ from test_states.py"
    )
    parser.addoption(
        "--fast",
        action="store_true",
        help="leave out slow tests, and most cases of the adapters' tests",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Every test has a limit, where pytest-timeout is installed."""
    if config.pluginmanager.hasplugin("timeout") and config.getoption("timeout") is None:
        config.option.timeout = TEST_SECONDS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--fast"):
        kept, left_out = thinned(items)
        items[:] = kept
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than `tmp_path`."""
    here = tmp_path.stat().st_dev
    place = next(p for p in PLACES if Path(p).is_dir() and Path(p).stat().st_dev != here)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """The browser's path; None means Playwright's own."""
    return find()
