"""The program ends and comes back, and two pages work on one library."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.actions import (
    STEP_MS,
    card,
    choose_action,
    eventually,
    pick,
    saved,
    stack_row,
    type_strength,
    upload,
)
from tests.browser.library.steps import one_demo_lora
from tests.browser.running import App, open_page, open_tab, restart_app, start_app, stop_app
from tests.browser.watch import Watch


def test_the_page_outlives_a_restart_of_the_program(browser: Browser, tmp_path: Path) -> None:
    process, app = start_app(tmp_path)
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    page = context.new_page()
    try:
        open_page(page, app)
        page.locator("#prompt textarea").fill("typed before the program ended")
        open_tab(page, "LoRAs")
        pick(page, "golden_hour")
        eventually(page, lambda: list(saved(page, app)["selected_loras"]), ["golden_hour"])
        stop_app(process)
        expect(page.locator(".connection-note")).to_contain_text("Disconnected")
        expect(page.locator("#status-line")).to_contain_text("Disconnected")
        expect(page.locator(".worker-state")).to_have_text("Disconnected")
        pick(page, "motion_trail")
        open_tab(page, "Generate")
        type_strength(page, "golden_hour", "0.35")
        expect(page.locator("#lora-controls .summary-unsaved")).to_contain_text("kept in this")
        process = restart_app(tmp_path, app)
        expect(page.locator("#status-line")).to_contain_text("Ready", timeout=STEP_MS)
        expect(page.locator("#lora-controls .summary-unsaved")).to_be_hidden()
        prompt = re.compile("typed before the program ended")  # and trigger words
        expect(page.locator("#prompt textarea")).to_have_value(prompt)
        both = ["golden_hour", "motion_trail"]
        eventually(page, lambda: sorted(saved(page, app)["selected_loras"]), both)
        assert saved(page, app)["selected_loras"]["golden_hour"] == 0.35
        open_tab(page, "LoRAs")
        expect(page.locator(".connection-note")).to_be_hidden()
        expect(card(page, "neon_outline")).to_be_visible()
    finally:
        context.close()
        stop_app(process)


def test_an_upload_that_was_broken_off_can_be_sent_again(
    page: Page, tmp_path: Path, watch: Watch, app: App
) -> None:
    watch.expected += ["ERR_INTERNET_DISCONNECTED", "net::ERR"]
    open_tab(page, "LoRAs")
    page.context.set_offline(True)
    upload(page, one_demo_lora(tmp_path, "sent twice"))
    row = page.locator(".upload").filter(has_text="sent twice.safetensors")
    expect(row.locator(".upload-note")).to_contain_text("cannot be reached")
    assert not (app.loras / "sent twice.safetensors").exists()
    page.context.set_offline(False)
    row.get_by_role("button", name="Send it again").click()
    expect(row.locator(".upload-note")).to_contain_text("fits Demo")


def test_what_one_page_does_to_the_library_the_other_shows(
    page: Page, app: App, tmp_path: Path
) -> None:
    other = page.context.new_page()
    open_page(other, app)
    open_tab(other, "LoRAs")
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "seen by both"))
    expect(card(other, "seen by both")).to_be_visible()
    pick(other, "seen by both")
    expect(card(page, "seen by both").locator(".card-pick")).to_have_attribute(
        "aria-pressed", "true"
    )
    choose_action(page, "seen by both", "Rename")
    page.get_by_role("dialog").get_by_label("New name").fill("renamed by one")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(card(other, "renamed by one").locator(".card-pick")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(card(other, "seen by both")).to_have_count(0)
    open_tab(other, "Generate")
    expect(stack_row(other, "renamed by one")).to_be_visible()
    open_tab(other, "LoRAs")
    choose_action(other, "renamed by one", "Delete")
    expect(card(page, "renamed by one")).to_have_count(0)
    other.close()


@pytest.mark.parametrize("tab", ["Generate", "LoRAs", "Gallery"])
def test_every_tab_says_that_the_connection_is_lost(page: Page, watch: Watch, tab: str) -> None:
    watch.expected += ["ERR_INTERNET_DISCONNECTED", "net::ERR", "Failed to fetch"]
    open_tab(page, tab)
    page.context.set_offline(True)
    expect(page.locator("#status-line")).to_contain_text("Disconnected")
    page.context.set_offline(False)
    expect(page.locator("#status-line")).not_to_contain_text("Disconnected")
