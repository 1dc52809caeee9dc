"""Browser sessions on other people's apps, and the frames that those must give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.browser.hosts.reference import Reference
from tests.browser.hosts.running import GRADIO, HOSTS, Host, running, with_demo_loras
from tests.browser.hosts.steps import Visit
from tests.browser.looks import DESK_LIGHT, Look, context_for
from tests.browser.running import PATIENCE_MS
from tests.browser.watch import Watch


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The host of tests/support/hosts/workbench.py, with the demo LoRAs."""
    folder = with_demo_loras(tmp_path_factory.mktemp("workbench"))
    with running(folder, [str(HOSTS / "workbench.py")], GRADIO) as host:
        yield host


@pytest.fixture
def visit(browser: Browser, watch: Watch) -> Iterator[Visit]:
    """Opens an address as somebody else: each call is a browser session of its own.

    What the console complains of fails the test. Requests to other machines are ended at once:
    Gradio's own page asks for some, and nothing of ours may need one.
    """
    contexts: list[BrowserContext] = []

    def open_address(address: str, look: Look = DESK_LIGHT, **login: Any) -> Page:
        context = context_for(browser, look)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        listen(page, watch)
        if login:
            page.request.post(f"{address}login", form=login)
        page.goto(address)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert watch.complaints == []


def listen(page: Page, watch: Watch) -> None:
    def heard(message: ConsoleMessage) -> None:
        own_icon = message.location["url"].endswith("/favicon.ico")  # which a host may not have
        if message.type in ("error", "warning") and not own_icon:
            watch.add(f"{message.text} {message.location}")

    page.on("console", heard)
    page.on("pageerror", lambda error: watch.add(f"uncaught: {error}"))
    page.on("dialog", lambda dialog: watch.add(f"a script opened a dialog: {dialog.message}"))
