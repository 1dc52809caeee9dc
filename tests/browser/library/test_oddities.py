"""What other programs leave in the folder: the same file twice, and files that cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.actions import card, choose_action, upload
from tests.browser.library.steps import one_demo_lora
from tests.browser.running import App, open_tab
from tests.support.loras.files import write_lora
from wan_lora_studio.units import MB


def test_the_same_file_twice_is_shown(page: Page, app: App, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "first of two"))
    expect(card(page, "first of two")).to_be_visible()
    shutil.copy(app.loras / "first of two.safetensors", app.loras / "second of two.safetensors")
    expect(card(page, "second of two")).to_be_visible()
    expect(page.get_by_role("button", name="Duplicates")).to_be_visible()
    choose_action(page, "second of two", "Show duplicates")
    expect(page.locator("#lora-tab .card")).to_have_count(2)
    expect(page.get_by_role("button", name="Duplicates")).to_have_attribute("aria-pressed", "true")
    choose_action(page, "second of two", "Delete")
    expect(page.get_by_role("button", name="Duplicates")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#lora-tab .card")).to_have_count(0)


def test_a_broken_file_is_listed_with_its_reason_and_not_selected(
    page: Page, app: App, tmp_path: Path
) -> None:
    data = one_demo_lora(tmp_path, "cut short").read_bytes()
    broken = app.loras / "cut short.safetensors"
    broken.write_bytes(data[: len(data) // 2])
    try:
        open_tab(page, "LoRAs")
        expect(card(page, "cut short")).to_be_visible()
        expect(card(page, "cut short").locator(".card-why")).to_be_visible()
        expect(card(page, "cut short").locator(".badge")).to_have_count(0)
        card(page, "cut short").locator(".card-menu").click()
        item = page.get_by_role("menuitem", name="Select for the next video")
        expect(item).to_be_disabled()
        page.keyboard.press("Escape")
        choose_action(page, "cut short", "Details")
        expect(page.get_by_role("dialog").locator(".problem")).to_contain_text("cut short")
        expect(page.get_by_role("dialog").get_by_role("button", name="Select")).to_be_disabled()
        expect(page.get_by_role("dialog").get_by_text("Both", exact=True)).to_have_count(0)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Missing or broken").click()
        expect(page.locator("#lora-tab .card")).to_have_count(1)
    finally:
        broken.unlink()


def test_a_text_of_the_file_that_is_too_long_is_named_in_its_details(page: Page, app: App) -> None:
    path = write_lora(app.loras / "long tags.safetensors", metadata={"ss_datasets": "y" * 9 * MB})
    try:
        open_tab(page, "LoRAs")
        choose_action(page, "long tags", "Details")
        told = page.get_by_role("dialog").get_by_text("ss_datasets was left out: it is too long.")
        expect(told).to_be_visible()
    finally:
        path.unlink()
