"""Every state of the page: nothing sticks out, is too small for a finger or cannot be read.

On a small phone; with `--pictures` also light and dark on a desk, and every state is written into
`screenshots`, which git ignores. Look at them: a finding in a picture is a bug.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.actions import expect_no_overflow, settle
from tests.browser.looks import LOOKS, Look, context_for
from tests.browser.page.steps import serious_findings
from tests.browser.running import ROOT, App, open_page, start_app, stop_app
from tests.browser.states import STATES, rest
from tests.browser.watch import Watch

FOLDER = ROOT / "screenshots"
QUALITY = 86  # of the WebP files
PROVOKED = {"loras-offline": ["ERR_INTERNET"]}
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


@pytest.fixture(scope="module")
def own_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder: Path = tmp_path_factory.mktemp("states")
    process, app = start_app(folder)
    yield app
    stop_app(process)


@dataclass(frozen=True)
class Visit:
    page: Page
    app: App
    look: Look
    state: str


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    looks = LOOKS if metafunc.config.getoption("pictures") else [x for x in LOOKS if x.is_phone]
    metafunc.parametrize("look", looks, ids=lambda look: look.name)
    metafunc.parametrize("state", STATES)


@pytest.fixture
def visit(own_app: App, browser: Browser, look: Look, state: str, watch: Watch) -> Iterator[Visit]:
    """A fresh page; any complaint of its console fails the test."""
    context = context_for(browser, look)
    page = context.new_page()
    watch.expected += PROVOKED.get(state, [])
    watch.listen(page, own_app.address)
    open_page(page, own_app)
    yield Visit(page, own_app, look, state)
    context.set_offline(False)
    rest(page, own_app)
    context.close()
    assert watch.complaints == []


def test_a_state_is_usable_by_everybody(
    visit: Visit, axe: str, pytestconfig: pytest.Config
) -> None:
    page, look = visit.page, visit.look
    STATES[visit.state](page, visit.app)
    settle(page)
    if pytestconfig.getoption("pictures"):
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            FOLDER.mkdir(exist_ok=True)
            target = FOLDER / f"{visit.state}-{look.name}.webp"
            picture.convert("RGB").save(target, quality=QUALITY, method=6)
    expect_no_overflow(page)
    if look.is_phone:
        assert page.evaluate(SMALL) == []
        # What the button covers while one does not scroll is not read on its colour.
        page.add_style_tag(content="#generate-button, #run-strip { position: static !important; }")
    assert serious_findings(page, axe) == []
