"""The help menu: the keys, the guide, the API's pages and the version; and the keys themselves."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.browser.actions import PROMPT, card, expect_no_overflow, fill, settle, write_prompt
from tests.browser.page.steps import serious_findings
from tests.browser.running import App, open_tab, phone_page
from wan_lora_studio.installed_versions import VERSION


def open_help(page: Page) -> None:
    page.get_by_role("button", name="Help", exact=True).click()


def test_the_menu_has_keys_guide_api_and_version(page: Page) -> None:
    open_help(page)
    menu = page.get_by_role("menu", name="Help")
    expect(menu.get_by_role("menuitem")).to_contain_text(
        ["Keyboard shortcuts", "Guide", "API documentation", f"Version {VERSION}"]
    )
    with page.context.expect_page() as opened:
        menu.get_by_role("menuitem", name="API documentation").click()
    expect(opened.value.get_by_role("heading").first).to_be_visible()
    opened.value.close()


def test_the_guide_is_read_beside_the_page(page: Page, axe: str) -> None:
    open_help(page)
    with page.context.expect_page() as opened:
        page.get_by_role("menuitem", name="Guide").click()
    guide = opened.value
    expect(guide.get_by_role("heading", level=1)).to_have_text("Wan2.2 LoRA Studio")
    guide.get_by_role("navigation").get_by_role("link", name="Settings").click()
    expect(guide.get_by_role("heading", level=1)).to_have_text("Settings")
    assert serious_findings(guide, axe) == []
    guide.set_viewport_size({"width": 390, "height": 844})
    expect_no_overflow(guide)
    guide.close()


def test_the_list_of_keys_opens_from_the_menu_and_by_a_key(page: Page, axe: str) -> None:
    open_help(page)
    page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    for group in ("Anywhere", "On the LoRAs tab", "On a card", "In an open video"):
        expect(dialog.get_by_role("heading", name=group)).to_be_visible()
    expect(dialog.get_by_text("Ctrl + Enter")).to_be_visible()
    assert serious_findings(page, axe) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("?")
    expect(dialog).to_be_visible()


def test_a_question_mark_in_a_prompt_is_only_written(page: Page) -> None:
    page.locator("#prompt textarea").press_sequentially("a fox?")
    expect(page.locator("#prompt textarea")).to_have_value("a fox?")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_every_listed_key_of_a_card_works(page: Page) -> None:
    open_tab(page, "LoRAs")
    page.keyboard.press("/")
    expect(page.locator('#lora-tab input[type="search"]').first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    page.keyboard.press("x")
    expect(page.locator(".bar-count")).to_have_text("1 marked")
    page.keyboard.press("ControlOrMeta+a")
    expect(page.locator(".bar-count")).to_have_text("5 marked")
    page.keyboard.press("Escape")
    expect(page.locator(".bar-count")).to_be_hidden()
    card(page, "golden_hour").locator(".card-pick").focus()
    page.keyboard.press("i")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Golden Hour")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("Shift+F10")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("Escape")


def test_ctrl_and_enter_generates_what_is_being_typed(page: Page) -> None:
    fill(page, steps=2, width=64, height=64, frames=5)
    write_prompt(page, PROMPT)
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        page.locator("#prompt textarea").press("ControlOrMeta+Enter")
    assert asked.value.ok
    assert asked.value.json()["task"]["prompt"] == PROMPT


def test_the_menu_and_its_list_fit_a_phone(browser: Browser, app: App) -> None:
    phone = phone_page(browser, app)
    phone.get_by_role("button", name="Help", exact=True).tap()
    expect(phone.get_by_role("menu", name="Help")).to_be_in_viewport(ratio=1)
    phone.get_by_role("menuitem", name="Keyboard shortcuts").tap()
    dialog = phone.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog.get_by_role("heading", name="Anywhere")).to_be_visible()
    settle(phone)
    expect_no_overflow(phone)
    phone.context.close()
