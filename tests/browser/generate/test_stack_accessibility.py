"""axe-core on the full stack and its dialogs in both themes; a finger's size; keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import expect_no_overflow, settle, stack_row
from tests.browser.generate.steps import add, choose_model, switch
from tests.browser.page.steps import serious_findings
from tests.browser.running import App, phone_page

SMALL = """() => [...document.querySelectorAll('#lora-controls :is(button, select, input),'
        + ' dialog[open] :is(button, select, input:not([type=file], [type=checkbox]))')]
    .filter((item) => item.checkVisibility())
    .map((item) => [item.getBoundingClientRect(), item.ariaLabel || item.textContent])
    .filter(([box]) => box.width < 43.5 || box.height < 43.5)
    .map(([box, name]) => `${name}: ${box.width} x ${box.height}`)"""


def full_stack(page: Page) -> None:
    add(page, "golden_hour", "lightning_4step", "neon_outline")
    switch(page, "golden_hour").click()
    stack_row(page, "neon_outline").get_by_role("button", name="Separate").click()
    page.locator(".accelerated").get_by_role("button").click()
    expect(page.locator('.summary-warnings [data-kind="guidance"]').first).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_in_the_stack_and_its_dialogs(page: Page, axe: str, theme: str) -> None:
    if theme == "dark":
        page.locator("#theme-switch").click()
    full_stack(page)
    found = {"stack": serious_findings(page, axe)}

    def look(name: str, what: Locator) -> None:
        what.wait_for()
        found[name] = serious_findings(page, axe)
        page.keyboard.press("Escape")
        expect(what).to_be_hidden()

    stack_row(page, "neon_outline").get_by_role("button", name="over the steps").first.click()
    page.get_by_role("button", name="Fade out").first.click()
    look("schedule", page.get_by_role("dialog"))
    for button in ("Sets", "Add LoRA", "Strength sweep"):
        page.locator("#lora-controls").get_by_role("button", name=button, exact=True).click()
        look(button, page.get_by_role("dialog"))
    stack_row(page, "neon_outline").get_by_role("button", name="More for").click()
    look("menu", page.get_by_role("menu"))
    stack_row(page, "lightning_4step").get_by_role("button", name="Use its settings").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    found["accelerated"] = serious_findings(page, axe)
    choose_model(page, "TI2V-5B")
    stack_row(page, "neon_outline").get_by_text("Why?").click()
    found["misfit"] = serious_findings(page, axe)
    stack_row(page, "neon_outline").get_by_role("button", name="Switch model").click()
    look("models", page.get_by_role("menu"))
    assert found == {name: [] for name in found}


def test_a_finger_finds_everything_of_the_stack(browser: Browser, app: App) -> None:
    phone = phone_page(browser, app)
    full_stack(phone)
    found = {"stack": small(phone)}
    stack_row(phone, "neon_outline").get_by_role("button", name="over the steps").first.click()
    phone.get_by_role("dialog").wait_for()
    found["schedule"] = small(phone)
    phone.keyboard.press("Escape")
    phone.locator("#lora-controls").get_by_role("button", name="Sets", exact=True).click()
    phone.locator(".set-import").wait_for()
    found["sets"] = small(phone)
    assert found == {name: [] for name in found}
    expect_no_overflow(phone)
    phone.context.close()


def small(page: Page) -> list[str]:
    settle(page)
    found: list[str] = page.evaluate(SMALL)
    return found


def test_the_stack_works_by_keyboard_alone(page: Page) -> None:
    page.get_by_role("button", name="Add LoRA").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("neon")
    expect(page.locator(".picker-row")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")  # empties the search, as everywhere
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    row = stack_row(page, "neon_outline")
    expect(row).to_be_visible()
    row.get_by_role("switch").focus()
    page.keyboard.press("Space")
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(row.get_by_role("switch")).to_be_focused()
    page.keyboard.press("Space")
    row.get_by_role("button", name="More for").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
