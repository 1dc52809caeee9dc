"""Generate steps: the model, and LoRAs of the stack."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import eventually, stack_row

# As a video's settings are taken over.
TAKE = """async (selected) => {
  const { store } = await import("./lora_ui/assets/model/store.js");
  store.replace(selected);
}"""


def choose_model(page: Page, title: str) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name=title).click()


def add(page: Page, *names: str) -> None:
    """Select LoRAs in the picker."""
    page.locator("#lora-controls").get_by_role("button", name="Add LoRA").click()
    for name in names:
        row = page.locator(f'.picker-row[data-name="{name}"]')
        row.click()
        expect(row).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Done").click()
    for name in names:
        expect(stack_row(page, name)).to_be_visible()
        make_plain(stack_row(page, name))


def make_plain(row: Locator) -> None:
    """One constant strength for both experts, however the LoRA was used last."""
    while row.get_by_role("button", name="constant again").count() > 0:
        row.get_by_role("button", name="constant again").first.click()
    separate = row.get_by_role("button", name="Separate")
    if separate.count() > 0 and separate.get_attribute("aria-pressed") == "true":
        separate.click()
    expect(row.locator('input[type="range"]')).to_have_count(1)


def order(page: Page) -> list[str]:
    rows = page.locator("#lora-controls .stack-row")
    names: list[str] = rows.evaluate_all("rows => rows.map((row) => row.dataset.name)")
    return names


def expect_order(page: Page, *names: str) -> None:
    eventually(page, lambda: order(page), list(names))


def switch(page: Page, name: str) -> Locator:
    return stack_row(page, name).get_by_role("switch")
