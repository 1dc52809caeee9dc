"""axe-core on the gallery, its dialogs and the input picture in both themes; a finger's size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page
from result_files import metadata, write_video

from tests.browser.running import App, open_tab
from tests.browser.test_accessibility import axe as axe_source
from tests.browser.test_accessibility import serious_findings

axe = axe_source
LORA = "golden_hour"
TARGETS = """(root) => [...document.querySelectorAll(`${root} :is(button, select, input)`)]
    .filter((item) => item.checkVisibility() && !['file', 'range'].includes(item.type))
    .map((item) => [item.getBoundingClientRect(), item.ariaLabel || item.textContent])
    .filter(([box]) => box.width > 0 && (box.width < 43.5 || box.height < 43.5))
    .map(([box, name]) => `${name}: ${box.width} x ${box.height}`)"""


@pytest.fixture
def two_results(app: App) -> None:
    for number in (1, 2):
        data: dict[str, Any] = metadata(
            {LORA: {"outcome": "applied", "sha256": "a" * 64, "strengths": 1, "coverage": {}}},
            id=f"acc{number}",
            prompt=f"for everybody {number}",
            selected_loras={LORA: 1.0},
        )
        write_video(app.outputs, f"acc{number}", data)


def show_gallery(page: Page) -> None:
    open_tab(page, "Gallery")
    page.get_by_label("Search the results").fill("for everybody")
    page.locator('.result[data-id="acc1"]').wait_for()


@pytest.mark.usefixtures("two_results")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_in_the_gallery_and_its_dialogs(page: Page, axe: str, theme: str) -> None:
    if theme == "dark":
        page.locator("#theme-switch").click()
    show_gallery(page)
    found = {}

    def look(name: str, show: Callable[[], None] = lambda: None) -> None:
        show()
        page.wait_for_timeout(500)
        found[name] = serious_findings(page, axe)

    first = page.locator('.result[data-id="acc1"]')
    first.locator('[data-action="favourite"]').click()
    for name in ("acc1", "acc2"):
        page.locator(f'.result[data-id="{name}"] [data-action="compare"]').click()
    look("gallery")
    look("comparison", page.get_by_role("button", name="Compare", exact=True).click)
    page.keyboard.press("Escape")
    look("viewer", first.locator(".result-open").click)
    look("thumbnail", page.get_by_role("button", name="Use as LoRA thumbnail").click)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator('.result[data-id="acc2"] [data-action="delete"]').click()
    look("trash", page.get_by_role("button", name="Deleted videos").click)
    page.get_by_role("button", name="Bring back").first.click()
    page.keyboard.press("Escape")
    page.get_by_label("Search the results").fill("nothing has these words")
    look("nothing found")
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_where_settings_and_pictures_come_in(
    page: Page, axe: str, theme: str, tmp_path: Path
) -> None:
    if theme == "dark":
        page.locator("#theme-switch").click()
    lacking = metadata({"gone": {"sha256": "b" * 64}}, selected_loras={"gone": 1.0}, image="x")
    page.locator("#settings-file").set_input_files(write_video(tmp_path, "x", lacking))
    page.get_by_role("dialog").wait_for()
    found = {"left over": serious_findings(page, axe)}
    page.keyboard.press("Escape")
    page.locator("#model input").click()
    page.get_by_role("option", name="Wan2.2 I2V").click()
    page.locator(".picture-drop").wait_for()
    found["no picture"] = serious_findings(page, axe)
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "input.png")
    page.locator("#picture-file").set_input_files(tmp_path / "input.png")
    page.locator(".picture-image").wait_for()
    found["picture"] = serious_findings(page, axe)
    assert found == {name: [] for name in found}


@pytest.mark.usefixtures("two_results")
def test_a_finger_finds_everything_in_the_gallery(page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    phone = context.new_page()
    phone.goto(page.url)
    phone.get_by_role("tab", name="Gallery").click()
    phone.locator(".result").first.wait_for()
    assert phone.evaluate(TARGETS, ".gallery") == []
    phone.locator('[data-action="delete"]').first.tap()
    phone.get_by_role("button", name="Deleted videos").tap()
    phone.locator(".result-trash li").first.wait_for()
    assert phone.evaluate(TARGETS, ".lora-dialog") == []
    phone.get_by_role("button", name="Bring back").first.tap()
    phone.get_by_role("button", name="Close").tap()
    phone.locator(".result-open").first.tap()
    phone.wait_for_timeout(500)
    assert phone.evaluate(TARGETS, ".dialog-viewer") == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert phone.evaluate(overflow) <= 0
    context.close()
