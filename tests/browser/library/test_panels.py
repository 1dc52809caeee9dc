"""The tab's panels: details, editing, the trash, the worker, and a lost connection."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.actions import (
    STEP_MS,
    card,
    choose_action,
    eventually,
    expect_no_overflow,
    get_json,
    pick,
    saved,
    settle,
    upload,
)
from tests.browser.library.steps import MARKUP, one_demo_lora
from tests.browser.running import App, open_tab
from tests.browser.watch import Watch


def test_edited_words_are_saved_and_only_ever_text(page: Page, app: App, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "edited"))
    choose_action(page, "edited", "Edit details")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill(MARKUP)
    dialog.get_by_label("Trigger words").fill("first, second")
    dialog.get_by_label("Tags").fill("<b>tag</b>, ${alert(8)}")
    dialog.get_by_label("Preferred strength, high noise").fill("0,7")
    dialog.get_by_role("button", name="Save").click()
    expect(card(page, "edited").locator(".card-title")).to_have_text(MARKUP)
    page.get_by_role("button", name="Tags").click()
    expect(page.get_by_role("dialog", name="Tags")).to_contain_text("${alert(8)}")
    page.keyboard.press("Escape")
    choose_action(page, "edited", "Details")
    expect(page.get_by_role("dialog")).to_contain_text("first, second")
    expect(page.get_by_role("dialog")).to_contain_text("Preferred strength 0.7")
    assert page.locator("#lora-tab img[src=x], dialog img[src=x], .card-title b").count() == 0
    page.keyboard.press("Escape")
    record = get_json(f"{app.address}api/loras/details?name=edited&model=demo")["record"]
    assert record["preferred_strengths"] == {"high": 0.7, "low": 0.7}
    choose_action(page, "edited", "Edit details")
    page.get_by_role("button", name="Undo all edits").click()
    expect(card(page, "edited").locator(".card-title")).not_to_have_text(MARKUP)


def test_a_text_selection_that_ends_outside_leaves_the_dialog_open(page: Page) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "golden_hour", "Edit details")
    dialog = page.get_by_role("dialog")
    title = dialog.get_by_label("Title")
    title.fill("typed and not to be lost")
    box = title.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(4, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(title).to_be_visible()
    expect(title).to_have_value("typed and not to be lost")
    page.mouse.click(4, box["y"])
    page.get_by_role("button", name="Discard").click()
    expect(dialog).to_have_count(0)


def test_names_that_read_backwards_or_have_no_end_stay_in_their_place(
    page: Page, tmp_path: Path
) -> None:
    arabic = "نص طويل " * 12
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "w" * 190), one_demo_lora(tmp_path, arabic.strip()))
    for name in ("w" * 190, arabic.strip()):
        expect(card(page, name)).to_be_visible()
        choose_action(page, name, "Details")
        expect(page.get_by_role("dialog")).to_contain_text(name)
        page.keyboard.press("Escape")
    settle(page)
    expect_no_overflow(page)


def test_details_show_a_bar_for_each_block_of_each_expert(page: Page) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "neon_outline", "Details")
    bars = page.get_by_role("dialog").locator(".bars")
    expect(bars).to_have_count(2)
    expect(bars.first.locator(".bar")).to_have_count(5)
    expect(bars.first).to_have_attribute(
        "aria-label", "High noise: 50 of 50 layers of the file, in 5 of 5 blocks"
    )
    costs = page.locator(".details-cost")
    expect(costs.get_by_role("row")).to_have_count(3)
    expect(costs.get_by_role("row", name="Merged into the model")).to_contain_text("MB")
    expect(costs.get_by_role("row", name="Added at each step")).to_contain_text("B")


def test_a_pair_is_split_and_paired_again(page: Page) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "neon_outline", "Split the pair")
    expect(card(page, "neon_outline_high_noise")).to_be_visible()
    expect(card(page, "neon_outline_low_noise").locator(".badge")).to_have_text("Low")
    choose_action(page, "neon_outline_low_noise", "Pair with another")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("High-noise half")).to_have_value("neon_outline_high_noise")
    dialog.get_by_role("button", name="Pair").click()
    expect(card(page, "neon_outline").locator(".badge")).to_have_text("Pair")


def test_what_was_deleted_comes_back_from_the_trash(page: Page, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "thrown away"))
    expect(page.locator(".upload-done")).to_have_count(1)
    card(page, "thrown away").locator(".card-pick").focus()
    page.keyboard.press("Delete")
    expect(card(page, "thrown away")).to_have_count(0)
    page.get_by_role("button", name="More for the library").click()
    page.get_by_role("menuitem", name="Trash", exact=True).click()
    page.get_by_role("button", name="Bring back thrown away").click()
    page.keyboard.press("Escape")
    expect(card(page, "thrown away")).to_be_visible()


def test_the_worker_panel_tells_what_is_held(page: Page) -> None:
    open_tab(page, "LoRAs")
    panel = page.locator(".worker")
    expect(panel).to_contain_text("Ready · Demo", timeout=STEP_MS)
    pick(page, "golden_hour")
    expect(panel.locator("li", has_text="Golden Hour")).to_contain_text("not loaded")
    expect(panel.get_by_label("Memory", exact=True)).to_be_visible()


def test_a_lost_connection_is_said_and_made_good(page: Page, watch: Watch, app: App) -> None:
    watch.expected += ["ERR_INTERNET_DISCONNECTED", "Failed to fetch", "net::ERR"]
    open_tab(page, "LoRAs")
    pick(page, "golden_hour")
    page.context.set_offline(True)
    note = page.locator(".connection-note")
    expect(note).to_contain_text("Disconnected")
    pick(page, "motion_trail")
    page.context.set_offline(False)
    expect(note).to_be_hidden()
    both = ["golden_hour", "motion_trail"]
    eventually(page, lambda: sorted(saved(page, app)["selected_loras"]), both)
