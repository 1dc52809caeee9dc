"""The LoRA tab: upload, rename, delete with undo, search, and names that are traps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import (
    card,
    choose_action,
    eventually,
    pick,
    saved,
    stack_row,
    upload,
)
from tests.browser.library.steps import MARKUP, one_demo_lora, with_metadata
from tests.browser.running import App, open_page, open_tab

TRAPS = (
    "img src=x onerror=alert(1)",
    "${alert(2)} {{alert(3)}}",
    "'`; alert(4) &lt;b&gt;",
    "x" * 150,
)


def test_an_uploaded_file_becomes_a_card(page: Page, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "fresh upload"))
    row = page.locator(".upload").filter(has_text="fresh upload.safetensors")
    expect(row.locator(".upload-note")).to_contain_text("fits Demo")
    expect(card(page, "fresh upload")).to_be_visible()


def test_a_refused_file_says_why(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "web page.safetensors"
    bad.write_text("<!doctype html><title>404</title>" * 40)
    open_tab(page, "LoRAs")
    upload(page, bad)
    row = page.locator(".upload-failed").filter(has_text="web page")
    expect(row).to_be_visible()
    expect(row.locator(".upload-note")).to_have_text(re.compile(".{21}"))
    expect(card(page, "web page")).to_have_count(0)


def test_an_upload_can_be_cancelled(page: Page, tmp_path: Path, app: App) -> None:
    large = tmp_path / "large.safetensors"
    with large.open("wb") as file:
        file.truncate(400_000_000)
    open_tab(page, "LoRAs")
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2_000_000},
    )
    upload(page, large)
    row = page.locator(".upload").filter(has_text="large.safetensors")
    row.get_by_role("button", name="Cancel").click()
    expect(row.locator(".upload-note")).to_contain_text("Cancelled")
    eventually(page, lambda: list(app.loras.rglob("large*")), [])


def test_a_lora_is_renamed_with_its_selection(page: Page, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "old name"), one_demo_lora(tmp_path, "taken name"))
    expect(page.locator(".upload-done")).to_have_count(2)
    pick(page, "old name")
    choose_action(page, "old name", "Rename")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("New name").fill("taken name")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    dialog.get_by_label("New name").fill("new name")
    dialog.get_by_role("button", name="Save").click()
    expect(card(page, "new name").locator(".card-pick")).to_have_attribute("aria-pressed", "true")
    expect(card(page, "old name")).to_have_count(0)
    open_tab(page, "Generate")
    expect(stack_row(page, "new name")).to_be_visible()


def test_a_deleted_lora_comes_back_with_undo(page: Page, tmp_path: Path, app: App) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "short lived"))
    pick(page, "short lived")
    choose_action(page, "short lived", "Delete")
    expect(card(page, "short lived")).to_have_count(0)
    assert not (app.loras / "short lived.safetensors").exists()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(card(page, "short lived").locator(".card-pick")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert (app.loras / "short lived.safetensors").exists()


def test_a_deleted_lora_comes_back_as_it_was_in_the_stack(page: Page, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "off and first"))
    pick(page, "off and first")
    pick(page, "golden_hour")
    open_tab(page, "Generate")
    row = stack_row(page, "off and first")
    row.get_by_role("button", name="Separate").click()
    row.get_by_role("switch").click()
    open_tab(page, "LoRAs")
    choose_action(page, "off and first", "Delete")
    open_tab(page, "Generate")
    expect(row).to_have_count(0)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(row.locator('input[type="range"]')).to_have_count(2)
    rows = page.locator("#lora-controls .stack-row")
    expect(rows.first).to_have_attribute("data-name", "off and first")
    expect(rows).to_have_count(2)


def test_the_selection_survives_a_reload(page: Page, app: App, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "kept choice"))
    pick(page, "kept choice")
    page.locator('#lora-tab .tab-stack .stack-row input[type="text"]').fill("0.35")
    eventually(page, lambda: saved(page, app)["selected_loras"], {"kept choice": 0.35})
    open_page(page, app)
    box = stack_row(page, "kept choice").locator('input[type="text"]')
    expect(box).to_have_value("0.35")


def test_searching_narrows_the_cards(page: Page) -> None:
    open_tab(page, "LoRAs")
    cards = page.locator("#lora-tab .card[data-name]")
    cards.first.wait_for()
    name = cards.first.get_attribute("data-name") or ""
    page.keyboard.press("/")
    page.keyboard.type(name)
    expect(card(page, name)).to_be_visible()
    page.keyboard.type(" and something that nothing has")
    expect(cards).to_have_count(0)
    expect(page.locator(".grid-empty")).to_contain_text("No LoRA matches")


def test_details_tell_what_is_known(page: Page) -> None:
    open_tab(page, "LoRAs")
    page.locator("#lora-tab .card .card-menu").first.click()
    page.get_by_role("menuitem", name="Details", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("SHA-256")
    expect(dialog.locator(".bars").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("name", TRAPS)
def test_a_name_is_only_ever_text(page: Page, tmp_path: Path, name: str) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, name))
    page.locator("#lora-tab .grid-search").fill(name)
    pick(page, name)
    open_tab(page, "Generate")
    expect(page.locator("#lora-controls .stack-name").last).to_contain_text(name)
    assert page.locator("#lora-controls .stack-row img[src=x], #lora-tab img[src=x]").count() == 0
    page.locator("#lora-controls").get_by_role("button", name="Clear").click()


def test_metadata_is_only_ever_text(page: Page, tmp_path: Path) -> None:
    file = one_demo_lora(tmp_path, "hostile metadata")
    with_metadata(file, {"modelspec.description": MARKUP, "modelspec.author": MARKUP})
    open_tab(page, "LoRAs")
    upload(page, file)
    choose_action(page, "hostile metadata", "Details")
    expect(page.get_by_role("dialog")).to_contain_text("<script>alert(6)</script>")
    assert page.locator("dialog img[src=x]").count() == 0


def test_a_lora_has_one_title_on_cards_in_dialogs_and_in_messages(page: Page) -> None:
    open_tab(page, "LoRAs")
    held = card(page, "pixel_mosaic")
    expect(held.locator(".card-title")).to_have_text("Pixel Mosaic")
    for label in ("Select Pixel Mosaic", "Favourite Pixel Mosaic", "Actions for Pixel Mosaic"):
        expect(held.get_by_label(label, exact=True)).to_have_count(1)
    pick(page, "pixel_mosaic")
    for label in ("Use Pixel Mosaic", "Remove Pixel Mosaic", "Strength of Pixel Mosaic"):
        expect(page.locator("#lora-tab .stack-row").get_by_label(label).first).to_be_visible()
    choose_action(page, "pixel_mosaic", "Edit details")
    expect(page.get_by_role("dialog", name="Edit Pixel Mosaic")).to_be_visible()
    page.keyboard.press("Escape")
    choose_action(page, "pixel_mosaic", "Delete")
    toast = page.locator(".toast").filter(has_text="Pixel Mosaic was deleted.")
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast").filter(has_text="Pixel Mosaic is back.")).to_be_visible()
    expect(held).to_be_visible()
