"""Addresses: tabs, LoRAs, videos and filters have one each; Back, reload and links lead there."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.actions import card, choose_action
from tests.browser.running import App, open_tab
from tests.support.result_files import metadata, write_video

SELECTED = '#studio-tabs [role="tab"][aria-selected="true"]'


def at(page: Page, tab: str, ending: str) -> None:
    expect(page).to_have_url(re.compile(rf"/{re.escape(ending)}$"))
    expect(page.locator(SELECTED)).to_have_text(tab)


def test_tabs_and_details_have_addresses_that_back_and_reload_keep(page: Page) -> None:
    at(page, "Generate", "")
    open_tab(page, "LoRAs")
    at(page, "LoRAs", "#loras")
    choose_action(page, "golden_hour", "Details")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    at(page, "LoRAs", "#loras/golden_hour")
    page.reload()
    expect(dialog).to_be_visible()
    at(page, "LoRAs", "#loras/golden_hour")
    page.go_back()
    expect(dialog).to_have_count(0)
    at(page, "LoRAs", "#loras")
    page.go_forward()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    at(page, "LoRAs", "#loras")
    page.go_back()
    at(page, "Generate", "")


def test_a_filter_is_in_the_address_and_comes_with_a_link(
    page: Page, app: App, browser: Browser
) -> None:
    open_tab(page, "LoRAs")
    page.locator("#lora-tab .grid-search").fill("golden")
    expect(page).to_have_url(re.compile(r"#loras\?q=golden$"))
    other = browser.new_context().new_page()
    other.goto(page.url)
    expect(card(other, "golden_hour")).to_be_visible()
    expect(card(other, "motion_trail")).to_have_count(0)
    expect(other.locator("#lora-tab .grid-search")).to_have_value("golden")
    other.context.close()


def test_a_link_to_a_video_shows_it_and_closing_stays_in_the_gallery(page: Page, app: App) -> None:
    write_video(app.outputs, "linked", metadata(id="linked", prompt="a linked video"))
    page.goto(f"{app.address}#video/linked")
    page.reload()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("a linked video")
    page.keyboard.press("Escape")
    at(page, "Gallery", "#gallery")
    page.locator('.result[data-id="linked"] .result-open').click()
    at(page, "Gallery", "#video/linked")
    page.go_back()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Favourites", exact=True).last.click()
    at(page, "Gallery", "#gallery?favourite=true")
    page.locator('.result[data-id="linked"]').wait_for(state="detached")
    open_tab(page, "Generate")
    at(page, "Generate", "")


def test_a_video_that_is_gone_is_told(page: Page, app: App) -> None:
    page.goto(f"{app.address}#video/nothing")
    page.reload()
    expect(page.locator(".toast-error")).to_be_visible()
    at(page, "Gallery", "#gallery")
