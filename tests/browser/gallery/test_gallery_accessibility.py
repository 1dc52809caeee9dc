"""axe-core on the gallery, its dialogs and the input picture in both themes; a finger's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import expect_no_overflow, settle
from tests.browser.page.steps import serious_findings
from tests.browser.running import App, open_tab, phone_page
from tests.support.result_files import metadata, write_video

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

    def look(name: str, opener: Locator, dialogs: int = 1) -> None:
        opener.click()
        expect(page.get_by_role("dialog")).to_have_count(dialogs)
        found[name] = serious_findings(page, axe)

    def leave() -> None:
        count = page.get_by_role("dialog").count()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(count - 1)

    first, second = (page.locator(f'.result[data-id="{name}"]') for name in ("acc1", "acc2"))
    first.locator('[data-action="favourite"]').click()
    for result in (first, second):
        result.locator('[data-action="select"]').click()
    expect(page.get_by_text("2 videos selected")).to_be_visible()
    found["gallery"] = serious_findings(page, axe)
    look("comparison", page.get_by_role("button", name="Compare", exact=True))
    leave()
    look("viewer", first.locator(".result-open"))
    look("thumbnail", page.get_by_role("button", name="Use as LoRA thumbnail"), 2)
    leave()
    leave()
    second.locator('[data-action="delete"]').click()
    expect(second).to_have_count(0)
    look("trash", page.get_by_role("button", name="Deleted videos"))
    deleted = page.locator('.result-trash li[data-id="acc2"]')
    deleted.get_by_role("button", name="Bring back").click()
    expect(deleted).to_have_count(0)
    leave()
    page.get_by_label("Search the results").fill("nothing has these words")
    page.get_by_text("No video matches").wait_for()
    found["nothing found"] = serious_findings(page, axe)
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
    page.get_by_role("option", name="Wan2.2 I2V-A14B (image to video)").click()
    page.locator(".picture-drop").wait_for()
    found["no picture"] = serious_findings(page, axe)
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "input.png")
    page.locator("#picture-file").set_input_files(tmp_path / "input.png")
    page.locator(".picture-image").wait_for()
    found["picture"] = serious_findings(page, axe)
    assert found == {name: [] for name in found}


@pytest.mark.usefixtures("two_results")
def test_a_finger_finds_everything_in_the_gallery(browser: Browser, app: App) -> None:
    phone = phone_page(browser, app)
    show_gallery(phone)
    settle(phone)
    assert phone.evaluate(TARGETS, ".gallery") == []
    phone.locator('.result[data-id="acc1"] [data-action="delete"]').tap()
    expect(phone.locator('.result[data-id="acc1"]')).to_have_count(0)
    phone.get_by_role("button", name="Deleted videos").tap()
    deleted = phone.locator('.result-trash li[data-id="acc1"]')
    deleted.wait_for()
    settle(phone)
    assert phone.evaluate(TARGETS, ".lora-dialog") == []
    deleted.get_by_role("button", name="Bring back").tap()
    expect(deleted).to_have_count(0)
    phone.get_by_role("dialog").get_by_role("button", name="Close").tap()
    phone.locator(".result-open").first.tap()
    phone.locator(".dialog-viewer").wait_for()
    settle(phone)
    assert phone.evaluate(TARGETS, ".dialog-viewer") == []
    expect_no_overflow(phone)
    phone.context.close()
