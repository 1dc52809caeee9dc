"""Every state of the page that a picture is made of, on a small phone: usable by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.running import App, open_page, start_app, stop_app
from tests.browser.screenshots import LOOKS, STATES, context_for, rest
from tests.browser.test_accessibility import axe as axe_source
from tests.browser.test_accessibility import serious_findings

axe = axe_source
PHONE = next(look for look in LOOKS if look.is_phone)
PROVOKED = {"generate-refused": "422", "loras-uploads": "422", "loras-offline": "ERR_INTERNET"}
# What a finger can hardly hit, with its size. A native range, file or hidden field is left out,
# and so is what lies under an open dialog.
SMALL = """() => {
    const dialog = [...document.querySelectorAll('dialog[open], .lora-popover')].pop();
    const root = dialog ?? document;
    return [...root.querySelectorAll('button, select, input, summary, [role=tab]')]
        .filter((item) => item.checkVisibility({ visibilityProperty: true }))
        .filter((item) => !['file', 'range', 'checkbox', 'radio'].includes(item.type))
        .map((item) => [item.getBoundingClientRect(), item.ariaLabel || item.textContent, item])
        .filter(([box]) => Math.min(box.width, box.height) > 1)
        .filter(([box]) => Math.min(box.width, box.height) < 43.5)
        .map(([box, name, item]) => `${name || item.outerHTML.slice(0, 80)}: `
            + `${Math.round(box.width)} x ${Math.round(box.height)}`);
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def own_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder: Path = tmp_path_factory.mktemp("states")
    process, app = start_app(folder)
    yield app
    stop_app(process)


@pytest.fixture
def phone(own_app: App, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = context_for(browser, PHONE)
    page = context.new_page()
    complaints: list[str] = []
    expected = PROVOKED.get(request.node.callspec.params["state"], "\0")
    page.on(
        "console",
        lambda said: (
            said.type in ("error", "warning")
            and expected not in said.text
            and complaints.append(said.text)
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(60_000)
    open_page(page, own_app)
    yield page
    context.set_offline(False)
    rest(page, own_app)
    context.close()
    assert complaints == []


@pytest.mark.parametrize("state", STATES)
def test_a_state_on_a_small_phone(phone: Page, own_app: App, axe: str, state: str) -> None:
    STATES[state](phone, own_app)
    phone.wait_for_timeout(700)
    assert phone.evaluate(OVERFLOW) <= 0
    assert phone.evaluate(SMALL) == []
    # What the button covers for as long as one does not scroll is not read on its colour.
    phone.add_style_tag(content="#generate-button { position: static !important; }")
    assert serious_findings(phone, axe) == []
