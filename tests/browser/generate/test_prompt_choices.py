"""LoRAs that are offered where `<` is typed into the prompt: by keys, by touch, by ear."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import expect_no_overflow, known, stack_row
from tests.browser.generate.steps import add
from tests.browser.library.steps import READ, one_demo_lora
from tests.browser.page.steps import serious_findings
from tests.browser.running import App, phone_page

BOX = "#prompt textarea"


def options(page: Page) -> Locator:
    return page.get_by_role("listbox", name="LoRAs").get_by_role("option")


def test_a_bracket_offers_loras_and_enter_adds_one(page: Page, axe: str) -> None:
    box = page.locator(BOX)
    box.press_sequentially("a fox <")
    expect(options(page)).not_to_have_count(0)
    expect(box).to_have_role("combobox")
    expect(box).to_have_attribute("aria-expanded", "true")
    assert serious_findings(page, axe) == []
    box.press_sequentially("pix")
    expect(options(page)).to_have_count(1)
    expect(options(page)).to_have_attribute("aria-selected", "true")
    active = box.get_attribute("aria-activedescendant")
    expect(options(page)).to_have_id(active or "")
    box.press("Enter")
    expect(stack_row(page, "pixel_mosaic")).to_be_visible()
    expect(box).to_have_value("a fox, pixel mosaic")
    expect(options(page)).to_have_count(0)
    expect(box).to_be_focused()
    expect(box).to_have_role("textbox")
    toast = page.locator(".toast").filter(has_text="Added Pixel Mosaic to this video.")
    toast.get_by_role("button", name="Undo").click()
    expect(stack_row(page, "pixel_mosaic")).to_have_count(0)
    known(page, prompt="a fox")


def test_arrows_tab_and_escape(page: Page) -> None:
    box = page.locator(BOX)
    box.press_sequentially("<lora:")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    names = options(page).evaluate_all("found => found.map((each) => each.dataset.name)")
    assert len(names) > 2
    box.press("ArrowDown")
    box.press("ArrowDown")
    box.press("ArrowUp")
    expect(options(page).nth(1)).to_have_attribute("aria-selected", "true")
    box.press("ArrowUp")
    box.press("ArrowUp")
    expect(options(page).last).to_have_attribute("aria-selected", "true")
    box.press("Escape")
    expect(options(page)).to_have_count(0)
    box.press_sequentially("gol")  # it stays closed for this one
    known(page, prompt="<lora:gol")
    expect(options(page)).to_have_count(0)
    box.fill("")
    known(page, prompt="")
    box.press_sequentially("<")
    expect(options(page)).to_have_count(len(names))
    box.press("Tab")
    expect(stack_row(page, names[0])).to_be_visible()
    expect(box).to_be_focused()


def test_a_typo_is_forgiven_and_recent_ones_come_first(page: Page) -> None:
    add(page, "pixel_mosaic")
    box = page.locator(BOX)
    box.fill("a fox ")
    page.evaluate(
        """async () => {
          const { store } = await import("./lora_ui/assets/model/store.js");
          store.recent = ["neon_outline", "pixel_mosaic"];
        }"""
    )
    box.press("End")
    box.press_sequentially("<")
    expect(options(page).nth(0)).to_contain_text("Neon Outline")
    expect(options(page).nth(1)).to_contain_text("In this video")
    box.press_sequentially("goldn")
    expect(options(page)).to_have_count(1)
    expect(options(page)).to_contain_text("Golden Hour")
    expect(page.locator(".prompt-choices").get_by_role("status")).to_contain_text(
        "Showing “golden”"
    )
    box.press("Enter")
    expect(stack_row(page, "golden_hour")).to_be_visible()


def test_text_that_is_no_lora_is_left_alone(page: Page) -> None:
    box = page.locator(BOX)
    box.press_sequentially("1 < 2 and <<no such thing> a")
    known(page, prompt="1 < 2 and <<no such thing> a")
    expect(options(page)).to_have_count(0)
    box.press("Enter")
    expect(box).to_have_value("1 < 2 and <<no such thing> a\n")


def test_a_title_is_shown_and_a_click_elsewhere_closes(
    page: Page, tmp_path: Path, app: App
) -> None:
    name = "<b>bold</b>"
    one_demo_lora(app.loras, "a marked one")
    assert page.request.post(f"{app.address}api/loras/refresh").ok
    changed = page.request.post(
        f"{app.address}api/loras/edit",
        data=json.dumps({"name": "a marked one", "changes": {"title": name}}),
        headers={"Content-Type": "application/json"},
    )
    assert changed.ok, changed.text()
    page.evaluate(READ)
    box = page.locator(BOX)
    box.press_sequentially("<marked")
    expect(options(page).locator(".picker-name")).to_have_text(name)
    page.locator("h1").click()
    expect(options(page)).to_have_count(0)
    expect(box).to_have_value("<marked")


def test_a_finger_chooses_on_a_phone(browser: Browser, app: App, axe: str) -> None:
    phone = phone_page(browser, app)
    box = phone.locator(BOX)
    box.tap()
    box.press_sequentially("a fox <pixel")
    expect(options(phone)).to_have_count(1)
    boxes = options(phone).evaluate_all("all => all.map((each) => each.offsetHeight)")
    assert min(boxes) >= 44
    expect_no_overflow(phone)
    assert serious_findings(phone, axe) == []
    options(phone).first.tap()
    expect(stack_row(phone, "pixel_mosaic")).to_be_visible()
    expect(box).to_have_value("a fox, pixel mosaic")
    phone.context.close()
