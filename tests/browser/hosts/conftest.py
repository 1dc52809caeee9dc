"""Browser sessions on other people's apps, and the frames that those must give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

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
    watch.expected.append("/favicon.ico'")  # the address of an icon, which a host may not have

    def open_address(address: str, look: Look = DESK_LIGHT, **login: Any) -> Page:
        context = context_for(browser, look)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        watch.listen(page)
        if login:
            page.request.post(f"{address}login", form=login)
        page.goto(address)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert watch.complaints == []
