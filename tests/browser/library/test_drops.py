"""Files dragged from outside: taken on the tab that shows, and never leading away from the page."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.actions import card, drag
from tests.browser.library.steps import READ, one_demo_lora
from tests.browser.running import App, open_tab
from tests.support.result_files import metadata, write_video


def uploaded(page: Page, name: str) -> None:
    row = page.locator(".upload").filter(has_text=f"{name}.safetensors")
    expect(row.locator(".upload-note")).to_contain_text("fits Demo")
    expect(card(page, name)).to_be_visible()


def test_files_are_taken_anywhere_while_the_tab_shows(page: Page, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    first, second = (one_demo_lora(tmp_path, name) for name in ("onto cards", "onto the head"))
    drag(page, page.locator("#lora-tab .cards"), first, drop=False)
    expect(page.locator(".drop-note")).to_be_visible()
    drag(page, page.locator("#lora-tab .cards"), first)
    expect(page.locator(".drop-note")).to_be_hidden()
    uploaded(page, "onto cards")
    drag(page, page.locator("h1"), second)
    uploaded(page, "onto the head")


def test_a_folder_is_taken_with_all_that_is_in_it(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    one_demo_lora(folder, "deep inside")
    one_demo_lora(folder.parent, "further up")
    (folder / "readme.md").write_text("passed over")
    open_tab(page, "LoRAs")
    drag(page, page.locator("#lora-tab .library"), tmp_path / "outer")
    uploaded(page, "deep inside")
    uploaded(page, "further up")
    expect(page.locator(".upload-done")).to_have_count(2)
    expect(page.locator(".upload-skipped")).to_contain_text("readme.md")


def test_a_list_of_uploads_leaves_the_cards_in_their_place(page: Page, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no LoRA")
    open_tab(page, "LoRAs")
    place = page.locator("#lora-tab .cards")
    before = place.bounding_box()
    drag(page, place, notes)
    row = page.locator(".upload")
    expect(row).to_contain_text("not a LoRA")
    assert place.bounding_box() == before
    fold = page.get_by_role("button", name="Show each file")
    fold.click()
    expect(row).to_be_hidden()
    fold.click()
    row.get_by_role("button", name="Dismiss notes.txt").click()
    expect(page.locator(".uploads-box")).to_be_hidden()


def test_cards_are_dragged_to_a_folder_and_back(page: Page, app: App) -> None:
    assert page.request.post(f"{app.address}api/loras/folders", data={"folder": "dragged"}).ok
    page.evaluate(READ)
    open_tab(page, "LoRAs")
    folder = page.locator('#lora-tab .tree-folder[data-folder="/dragged"]')
    held = card(page, "golden_hour")
    held.hover()
    page.mouse.down()
    folder.hover()
    expect(page.locator(".drag-ghost")).to_have_text("Golden Hour")
    expect(folder).to_have_class(re.compile("drop-here"))
    page.mouse.up()
    expect(folder.locator(".tree-count")).to_have_text("1")
    expect(page.locator(".drag-ghost")).to_have_count(0)
    expect(held.locator(".card-pick")).to_have_attribute("aria-pressed", "false")
    assert (app.loras / "dragged" / "golden_hour.safetensors").is_file()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(folder.locator(".tree-count")).to_have_text("0")
    assert (app.loras / "golden_hour.safetensors").is_file()


def test_a_video_dropped_on_the_generate_tab_brings_its_settings(
    page: Page, tmp_path: Path
) -> None:
    video = write_video(
        tmp_path, "mine", metadata(seed=5151, steps=9, selected_loras={"golden_hour": 0.45})
    )
    drag(page, page.locator("#generate-run"), video)
    expect(page.locator("#field-seed input")).to_have_value("5151")
    expect(page.locator("#field-steps input")).to_have_value("9")
    box = page.locator('#lora-controls .stack-row[data-name="golden_hour"] input[type="text"]')
    expect(box.first).to_have_value("0.45")


def test_a_picture_dropped_on_a_card_becomes_its_thumbnail(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "blue.png"
    Image.new("RGB", (64, 64), (20, 40, 220)).save(picture)
    open_tab(page, "LoRAs")
    image = card(page, "pixel_mosaic").locator("img")
    before = image.get_attribute("src")
    drag(page, card(page, "pixel_mosaic"), picture)
    expect(page.locator(".toast")).to_contain_text("has a new picture")
    expect(image).not_to_have_attribute("src", before or "")
    expect(page.locator(".upload")).to_have_count(0)
