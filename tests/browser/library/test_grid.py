"""The library's grid: finding, filtering, the keyboard, marks, and what is kept."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.actions import card, choose_action, eventually, pick, upload
from tests.browser.library.steps import READ, expect_names, names_shown, one_demo_lora
from tests.browser.running import App, open_page, open_tab

GRID = "#lora-tab .cards"


def test_the_query_survives_picking_and_a_reload(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    names_shown(page)
    page.locator(".grid-search").fill("demo neon")
    page.get_by_role("button", name="Pair", exact=True).click()
    page.get_by_role("combobox", name="Sort by").select_option("size")
    page.get_by_role("button", name="List", exact=True).click()
    expect_names(page, "neon_outline")
    pick(page, "neon_outline")
    expect_names(page, "neon_outline")
    open_page(page, app)
    open_tab(page, "LoRAs")
    expect_names(page, "neon_outline")
    expect(page.locator(".grid-search")).to_have_value("demo neon")
    expect(page.get_by_role("button", name="Pair", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator(GRID)).to_have_attribute("data-density", "list")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator(".grid-search")).to_have_value("")
    eventually(page, lambda: len(names_shown(page)) > 3, True)


def test_tags_are_asked_for_and_excluded(page: Page) -> None:
    open_tab(page, "LoRAs")
    names_shown(page)
    page.get_by_role("button", name="Tags").click()
    panel = page.get_by_role("dialog", name="Tags")
    panel.get_by_label("Find a tag").fill("neon")
    panel.get_by_role("button", name="with neon", exact=True).click()
    expect(page.locator("#lora-tab .card[data-name]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Remove the filter: with neon")).to_be_visible()
    page.get_by_role("button", name="Tags").click()
    page.get_by_role("button", name="without neon", exact=True).click()
    expect(card(page, "neon_outline")).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Remove the filter: without neon").click()
    expect(card(page, "neon_outline")).to_be_visible()


def test_what_does_not_fit_comes_last_with_its_reason(page: Page) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name="TI2V-5B").click()
    open_tab(page, "LoRAs")
    expect(page.locator(".cards-heading")).to_contain_text("Do not fit Wan2.2 TI2V-5B")
    first = page.locator("#lora-tab .card[data-name]").first
    expect(first).to_have_class("card card-unfit")
    expect(first.locator(".card-why")).to_have_text(
        "Made for Demo. Doesn't work with Wan2.2 TI2V-5B."
    )
    page.get_by_role("button", name="Fits Wan2.2 TI2V-5B").click()
    expect(page.locator("#lora-tab .card[data-name]")).to_have_count(0)
    expect(page.locator(".grid-empty")).to_contain_text("No LoRA matches")
    page.get_by_role("button", name="Show all LoRAs").click()
    expect(first).to_be_visible()
    open_tab(page, "Generate")
    page.locator("#model input").click()
    page.get_by_role("option", name="Demo").click()


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    open_tab(page, "LoRAs")
    names = names_shown(page)
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    expect(card(page, names[0]).locator(".card-pick")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(card(page, names[1]).locator(".card-pick")).to_be_focused()
    page.keyboard.press("Space")
    expect(card(page, names[1]).locator(".card-pick")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    expect(card(page, names[1]).locator(".card-pick")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".bar-count")).to_have_text("2 marked")
    page.keyboard.press("Escape")
    expect(page.locator(".action-bar")).to_be_hidden()
    page.keyboard.press("Control+a")
    expect(page.locator(".bar-count")).to_have_text(f"{len(names)} marked")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+F10")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("d")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    # Tab goes on through the buttons of this card, and then out of the grid.
    card(page, names[0]).locator(".card-pick").focus()
    page.keyboard.press("Tab")
    expect(card(page, names[0]).locator(".card-mark")).to_be_focused()
    page.keyboard.press("Tab")
    expect(card(page, names[0]).locator(".card-star")).to_be_focused()
    page.keyboard.press("Tab")
    expect(card(page, names[0]).locator(".card-try")).to_be_focused()
    page.keyboard.press("Tab")
    expect(card(page, names[0]).locator(".card-menu")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.card')") is None


def test_marks_and_the_selection_are_two_things(page: Page) -> None:
    open_tab(page, "LoRAs")
    names = names_shown(page)
    card(page, names[0]).locator(".card-mark").click()
    expect(card(page, names[0]).locator(".card-mark")).to_have_attribute("aria-checked", "true")
    expect(card(page, names[0]).locator(".card-pick")).to_have_attribute("aria-pressed", "false")
    card(page, names[1]).locator(".card-pick").click(modifiers=["ControlOrMeta"])
    expect(page.locator(".bar-count")).to_have_text("2 marked")
    page.locator(".action-bar").get_by_role("button", name="Select").click()
    expect(card(page, names[0]).locator(".card-pick")).to_have_attribute("aria-pressed", "true")
    expect(card(page, names[0]).locator(".card-held")).to_have_text("Selected")
    expect(page.locator(".action-bar")).to_be_hidden()
    expect(page.locator("#lora-tab .stack-row")).to_have_count(2)


def test_a_favourite_is_kept_and_found(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    name = names_shown(page)[0]
    card(page, name).hover()
    card(page, name).locator(".card-star").click()
    expect(card(page, name).locator(".card-star")).to_have_attribute("aria-pressed", "true")
    open_page(page, app)
    open_tab(page, "LoRAs")
    page.get_by_role("button", name="Favourites", exact=True).click()
    expect_names(page, name)
    choose_action(page, name, "Remove from favourites")
    expect(page.locator(".grid-empty")).to_contain_text("No LoRA matches")


def test_a_button_of_a_card_keeps_the_keyboard_when_the_library_is_read(page: Page) -> None:
    open_tab(page, "LoRAs")
    name = names_shown(page)[0]
    star = card(page, name).locator(".card-star")
    before = star.get_attribute("aria-pressed")
    after = "false" if before == "true" else "true"
    star.focus()
    for state in (after, before):
        page.keyboard.press("Enter")
        expect(star).to_have_attribute("aria-pressed", state or "")
        expect(star).to_be_focused()
    expect(card(page, name).locator(".card-pick")).to_have_attribute("aria-pressed", "false")


def test_cards_that_stay_the_same_are_not_built_anew(page: Page) -> None:
    open_tab(page, "LoRAs")
    names = names_shown(page)
    page.evaluate(f"document.querySelectorAll('{GRID} .card').forEach((it) => (it.same = true))")
    page.evaluate(READ)
    kept = f"[...document.querySelectorAll('{GRID} .card')].filter((it) => it.same).length"
    assert page.evaluate(kept) == len(names)


def test_a_filter_keeps_the_keyboard_when_the_library_is_read(page: Page) -> None:
    open_tab(page, "LoRAs")
    names_shown(page)
    favourites = page.get_by_role("button", name="Favourites", exact=True)
    favourites.focus()
    page.evaluate(READ)
    expect(favourites).to_be_focused()


def test_many_are_moved_tagged_and_deleted_at_once(page: Page, app: App, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    names = ["bulk one", "bulk two"]
    upload(page, *(one_demo_lora(tmp_path, name) for name in names))
    expect(page.locator(".upload-done")).to_have_count(2)
    for name in names:
        card(page, name).locator(".card-mark").click()
        expect(card(page, name).locator(".card-mark")).to_have_attribute("aria-checked", "true")
    bar = page.locator(".action-bar")
    bar.get_by_role("button", name="Move").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Or a new folder in it").fill("shelf")
    dialog.get_by_role("button", name="Move").click()
    page.get_by_role("button", name="shelf 2").click()
    expect_names(page, *names)
    assert (app.loras / "shelf" / "bulk one.safetensors").exists()
    bar.get_by_role("button", name="Tag").click()
    dialog.get_by_label("Tags, separated by commas").fill("kept, shelf life")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".toast").last).to_contain_text("2 tags added")
    page.locator(".grid-search").fill("shelf life")
    expect_names(page, *names)
    bar.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Keep it").click()
    expect_names(page, *names)
    bar.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(card(page, "bulk one")).to_have_count(0)
    deleted = page.locator(".toast", has_text="deleted")
    deleted.get_by_role("button", name="Undo").click()
    expect(card(page, "bulk two")).to_be_visible()
