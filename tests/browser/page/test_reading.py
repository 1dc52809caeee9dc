"""What can be read and is not lost: typed text, disabled buttons, long names, small windows."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.actions import choose_action, expect_no_overflow, settle, stack_row
from tests.browser.generate.steps import add
from tests.browser.running import App, open_page, open_tab, phone_page

LONG = "a_name_without_a_single_space_" * 8
# The contrast of an element's text on its own ground.
CONTRAST = """(element) => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const light = (colour) => {
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const { color, backgroundColor } = getComputedStyle(element);
  const [one, other] = [light(backgroundColor), light(color)].sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
}"""
TITLED = """async (title) => {
  const { openDialog } = await import("./lora_ui/assets/kit/dialogs.js");
  openDialog(title, document.createElement("p"));
}"""
NUMBERS = """async () => {
  const format = await import("./lora_ui/assets/kit/format.js");
  const { say } = await import("./lora_ui/assets/texts/say.js");
  return [format.bytes(1500000), format.seconds(2.5), say("many.loras", { count: 5000 })];
}"""


def test_escape_loses_no_typed_text(page: Page) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "golden_hour", "Edit details")
    title = page.get_by_label("Title")
    before = title.input_value()
    title.fill("half a title")
    page.keyboard.press("Escape")
    asked = page.get_by_role("dialog", name="Discard your changes?")
    expect(asked).to_be_visible()
    page.keyboard.press("Escape")
    expect(asked).to_have_count(0)
    expect(title).to_have_value("half a title")
    page.keyboard.press("Escape")
    asked.get_by_role("button", name="Discard").click()
    expect(title).to_have_count(0)
    choose_action(page, "golden_hour", "Edit details")
    expect(title).to_have_value(before)
    page.keyboard.press("Escape")  # nothing was typed
    expect(title).to_have_count(0)


def test_disabled_buttons_can_be_read_in_both_themes(page: Page) -> None:
    for theme in ("light", "dark"):
        page.get_by_role("button", name="Prompts from a list").click()
        page.get_by_label("One prompt on each line").fill("")
        make = page.get_by_role("dialog").get_by_role("button", name="Make videos")
        expect(make).to_be_disabled()
        assert make.evaluate(CONTRAST) >= 4.5, theme
        page.keyboard.press("Escape")
        page.locator("#theme-switch").click()


def test_a_dialog_holds_a_long_name(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.evaluate(TITLED, LONG)
    dialog = page.get_by_role("dialog", name=LONG)
    expect(dialog.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
    expect_no_overflow(page)
    assert dialog.evaluate("(item) => item.scrollWidth <= item.clientWidth")


def test_at_200_percent_zoom_nothing_sticks_out(page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 450})
    for tab in ("Generate", "LoRAs", "Gallery"):
        open_tab(page, tab)
        settle(page)
        expect_no_overflow(page)


def test_on_a_phone_remove_is_one_tap(browser: Browser, app: App) -> None:
    phone = phone_page(browser, app)
    add(phone, "golden_hour")
    expect_no_overflow(phone)
    stack_row(phone, "golden_hour").get_by_role("button", name="Remove").tap()
    expect(stack_row(phone, "golden_hour")).to_have_count(0)
    phone.context.close()


@pytest.mark.parametrize(
    ("locale", "language", "numbers"),
    [
        ("de-DE", "de", ["1,5 MB", "2,5 s", "5.000 LoRAs"]),
        ("fr-FR", "en", ["1,5 MB", "2,5 s", "5\u202f000 LoRAs"]),
    ],
)
def test_numbers_are_the_readers_also_where_the_page_is_english(
    browser: Browser, app: App, locale: str, language: str, numbers: list[str]
) -> None:
    page = browser.new_context(locale=locale).new_page()
    open_page(page, app)
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert page.evaluate(NUMBERS) == numbers
    page.context.close()
