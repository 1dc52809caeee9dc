"""The real app in its own process, and a page of a real browser on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import (
    Browser,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.browser.actions import tidy_library
from tests.browser.running import (
    CHROMIUM_ARGUMENTS,
    PATIENCE_MS,
    ROOT,
    App,
    open_page,
    start_app,
    stop_app,
)
from tests.browser.watch import Watch

DESK: ViewportSize = {"width": 1360, "height": 900}


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app")
    process, running = start_app(folder)
    yield running
    stop_app(process)
    log = (folder / "log.txt").read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="session")
def browser(chromium: str | None) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=list(CHROMIUM_ARGUMENTS)
        )
        yield browser
        browser.close()


@pytest.fixture
def watch() -> Watch:
    """Tests that provoke a refusal name the status that the browser then reports."""
    return Watch()


@pytest.fixture
def page(app: App, browser: Browser, watch: Watch) -> Iterator[Page]:
    """A fresh browser session on the app, whose library holds what it was given and no more.

    Any complaint of the page's console fails the test.
    """
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    watch.listen(page, app.address)
    tidy_library(page, app)
    open_page(page, app)
    yield page
    context.close()
    assert watch.complaints == []


@pytest.fixture
def first_page(app: App, browser: Browser, watch: Watch) -> Iterator[Page]:
    """As `page`, of somebody who has never been here; the test opens it."""
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    watch.listen(page, app.address)
    tidy_library(page, app)
    yield page
    context.close()
    assert watch.complaints == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, installed by `scripts/page-check` where it is not there yet."""
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        command = [sys.executable, "-m", "scripts.page_check"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return path.read_text(encoding="utf-8")
