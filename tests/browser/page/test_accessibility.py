"""axe-core on every tab, menu and dialog in both themes, and on a phone: nothing serious."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import (
    card,
    choose_action,
    drag,
    expect_no_overflow,
    pick,
    settle,
    upload,
)
from tests.browser.library.steps import one_demo_lora
from tests.browser.page.steps import serious_findings
from tests.browser.running import (
    LORAS,
    App,
    open_tab,
    phone_page,
    start_app,
    stop_app,
)
from tests.browser.watch import Watch

# What is smaller than a finger, with its size.
TARGETS = """() => [...document.querySelectorAll('.tab-library :is(button, select, input)')]
    .filter((item) => item.checkVisibility() && item.type !== 'file')
    .map((item) => [item.getBoundingClientRect(), item.ariaLabel || item.textContent])
    .filter(([box]) => box.width > 0 && (box.width < 43.5 || box.height < 43.5))
    .map(([box, name]) => `${name}: ${box.width} x ${box.height}`)"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Its own, so that only the demo LoRAs are there, whatever other tests upload."""
    process, running = start_app(tmp_path_factory.mktemp("accessible"))
    yield running
    stop_app(process)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_tab_has_a_serious_finding(page: Page, axe: str, theme: str) -> None:
    if theme == "dark":
        page.locator("#theme-switch").click()
    assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
    found = {}
    for tab in [item.inner_text() for item in page.get_by_role("tab").all()]:
        open_tab(page, tab)
        if tab == "LoRAs":
            pick(page, "golden_hour")
            card(page, "neon_outline").locator(".card-mark").click()
            expect(page.locator(".bar-count")).to_have_text("1 marked")
        found[tab] = serious_findings(page, axe)
    assert found == {tab: [] for tab in found}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_menu_or_dialog_of_the_lora_tab_has_one(page: Page, axe: str, theme: str) -> None:
    if theme == "dark":
        page.locator("#theme-switch").click()
    open_tab(page, "LoRAs")
    found = {}

    def look(name: str, what: Locator) -> None:
        what.wait_for()
        found[name] = serious_findings(page, axe)
        page.keyboard.press("Escape")
        expect(what).to_be_hidden()

    dialog, marked = page.get_by_role("dialog"), page.locator(".action-bar")
    card(page, "neon_outline").locator(".card-menu").click()
    look("menu", page.get_by_role("menu"))
    page.get_by_role("button", name="Tags").click()
    look("tags", dialog)
    for action in ("Details", "Edit details", "Set thumbnail", "Rename", "Move"):
        choose_action(page, "neon_outline", action)
        look(action, dialog)
    choose_action(page, "golden_hour", "Pair with another")
    look("pair", dialog)
    for name in ("golden_hour", "neon_outline"):
        card(page, name).locator(".card-mark").click()
    look("marked", marked)
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    look("delete", dialog)
    page.keyboard.press("Escape")
    expect(marked).to_be_hidden()
    page.get_by_role("button", name="More for the library").click()
    page.get_by_role("menuitem", name="Trash", exact=True).click()
    look("trash", dialog)
    page.locator(".grid-search").fill("nothing has this")
    page.get_by_text("No LoRA matches").wait_for()
    found["nothing found"] = serious_findings(page, axe)
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_neither_has_what_comes_and_goes(
    page: Page, axe: str, theme: str, tmp_path: Path, watch: Watch
) -> None:
    """Uploads with their choices and refusals, toasts, files that hover, a lost connection."""
    watch.expected += ["ERR_INTERNET_DISCONNECTED", "net::ERR"]
    if theme == "dark":
        page.locator("#theme-switch").click()
    open_tab(page, "LoRAs")
    known = Path(shutil.copy(LORAS / "pixel_mosaic.safetensors", tmp_path / "known.safetensors"))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(known.read_bytes()[:3000])
    fresh = one_demo_lora(tmp_path, f"fresh {theme}")
    upload(page, known, broken, fresh)
    expect(page.locator(".upload-asking, .upload-failed, .upload-done")).to_have_count(3)
    upload(page, one_demo_lora(tmp_path, "high_motion"))
    expect(card(page, "high_motion").get_by_role("group", name="Which expert?")).to_be_visible()
    choose_action(page, fresh.stem, "Delete")
    expect(page.locator(".toast")).to_be_visible()
    found = {"uploads and toast": serious_findings(page, axe)}
    drag(page, page.locator("#lora-tab .library"), fresh, drop=False)
    expect(page.locator(".drop-note")).to_be_visible()
    found["drop"] = serious_findings(page, axe)
    page.context.set_offline(True)
    page.locator(".connection-note").wait_for()
    found["offline"] = serious_findings(page, axe)
    page.context.set_offline(False)
    assert found == {name: [] for name in found}


def test_a_finger_finds_everything_on_a_small_phone(browser: Browser, app: App, axe: str) -> None:
    phone = phone_page(browser, app)
    open_tab(phone, "LoRAs")
    card(phone, "golden_hour").locator(".card-pick").tap()
    card(phone, "neon_outline").locator(".card-mark").tap()
    expect(phone.locator(".bar-count")).to_have_text("1 marked")
    settle(phone)
    assert phone.evaluate(TARGETS) == []
    assert serious_findings(phone, axe) == []
    expect_no_overflow(phone)
    phone.context.close()
