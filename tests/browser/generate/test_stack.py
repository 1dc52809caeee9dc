"""The stack on the generate tab: rows, strengths, trigger words, order, reload and two tabs."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Response, Route, expect

from tests.browser.actions import (
    PROMPT,
    VIDEO_MS,
    eventually,
    expect_no_overflow,
    fill,
    get_json,
    known,
    saved,
    settle,
    stack_row,
    type_strength,
    until,
    write_prompt,
)
from tests.browser.generate.steps import TAKE, add, choose_model, expect_order, order, switch
from tests.browser.running import App, open_page, open_tab
from tests.browser.watch import Watch

PROMPT_BOX = "#prompt textarea"
CARDS = "#lora-tab .card[data-name]"
NAMES = "(items) => items.map((item) => item.dataset.name)"
# As when the server has told of a change: the rows are drawn again.
NEWS = """async () => {
  const { store } = await import("./lora_ui/assets/model/store.js");
  store.dispatchEvent(new Event("library"));
}"""
# Once the page has read the library again, after a run.
LAST_STRENGTH = """async (name) => {
  const { store } = await import(new URL("./lora_ui/assets/model/store.js", document.baseURI).href);
  return store.byName.get(name).last_strength === 0.62 && store.recent.includes(name);
}"""


def expect_saved(page: Page, app: App, *names: str) -> None:
    """The server keeps these, in this order, of what is switched on."""
    eventually(page, lambda: list(saved(page, app)["selected_loras"]), list(names))


def test_what_is_switched_off_stays_and_is_not_sent(page: Page, app: App) -> None:
    add(page, "golden_hour", "pixel_mosaic")
    type_strength(page, "golden_hour", "0.4")
    switch(page, "golden_hour").click()
    expect(switch(page, "golden_hour")).to_have_attribute("aria-checked", "false")
    expect(page.locator("#lora-controls .summary-total")).to_contain_text("1 LoRA on, 1 switched")
    expect_saved(page, app, "pixel_mosaic")
    open_page(page, app)
    expect(switch(page, "golden_hour")).to_have_attribute("aria-checked", "false")
    switch(page, "golden_hour").click()
    box = stack_row(page, "golden_hour").locator('input[type="text"]')
    expect(box).to_have_value("0.4")
    eventually(page, lambda: saved(page, app)["selected_loras"].get("golden_hour"), 0.4)


def test_trigger_words_come_and_go_with_the_lora(page: Page) -> None:
    write_prompt(page, "a circle in Golden Hour light")
    known(page, prompt="a circle in Golden Hour light")
    add(page, "golden_hour", "neon_outline")
    expect(page.locator(PROMPT_BOX)).to_have_value("a circle in Golden Hour light, neon outline")
    word = stack_row(page, "neon_outline").get_by_role("button", name="neon outline", exact=True)
    expect(word).to_have_attribute("aria-pressed", "true")
    switch(page, "neon_outline").click()
    expect(page.locator(PROMPT_BOX)).to_have_value("a circle in Golden Hour light")
    switch(page, "neon_outline").click()
    expect(page.locator(PROMPT_BOX)).to_have_value("a circle in Golden Hour light, neon outline")
    word.click()
    expect(word).to_have_attribute("aria-pressed", "false")
    word.click()
    expect(word).to_have_attribute("aria-pressed", "true")
    stack_row(page, "golden_hour").get_by_role("button", name="Remove").click()
    expect(page.locator(PROMPT_BOX)).to_have_value("a circle in Golden Hour light, neon outline")
    stack_row(page, "neon_outline").get_by_role("button", name="Remove").click()
    expect(page.locator(PROMPT_BOX)).to_have_value("a circle in Golden Hour light")


def test_the_order_changes_by_keyboard_and_by_dragging(page: Page, app: App) -> None:
    add(page, "golden_hour", "motion_trail", "pixel_mosaic")
    expect_saved(page, app, "golden_hour", "motion_trail", "pixel_mosaic")
    grip = stack_row(page, "pixel_mosaic").locator(".stack-grip")
    grip.focus()
    page.keyboard.press("ArrowUp")
    expect_order(page, "golden_hour", "pixel_mosaic", "motion_trail")
    page.keyboard.press("Home")
    expect_order(page, "pixel_mosaic", "golden_hour", "motion_trail")
    expect(grip).to_be_focused()
    expect(page.locator("#lora-controls [aria-live=polite]").first).to_have_text(
        "Pixel Mosaic is number 1 of 3."
    )
    expect_saved(page, app, "pixel_mosaic", "golden_hour", "motion_trail")
    stack_row(page, "motion_trail").scroll_into_view_if_needed()
    settle(page)
    start = stack_row(page, "golden_hour").locator(".stack-grip").bounding_box()
    end = stack_row(page, "motion_trail").bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 10, start["y"] + 20)
    page.mouse.down()
    for part in (0.3, 0.6, 0.9):
        page.mouse.move(start["x"] + 10, start["y"] + 20 + (end["y"] - start["y"]) * part)
        page.evaluate(NEWS)
    page.mouse.up()
    expect_order(page, "pixel_mosaic", "motion_trail", "golden_hour")
    expect_saved(page, app, "pixel_mosaic", "motion_trail", "golden_hour")


def test_a_slider_is_held_while_the_rows_are_drawn_again(page: Page) -> None:
    """Its strength is saved in the middle of the drag, and the answer draws the rows."""
    add(page, "pixel_mosaic", "golden_hour")
    row = stack_row(page, "golden_hour")
    row.scroll_into_view_if_needed()
    slider = row.locator('input[type="range"]')
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    held = float(slider.input_value())
    page.evaluate(NEWS)
    page.mouse.move(box["x"] + box["width"] * 0.75, middle)
    page.mouse.up()
    end = float(slider.input_value())
    assert end > held + 0.3
    expect(row.locator('input[type="text"]')).to_have_value(f"{end:.2f}".removesuffix("0"))


def test_strengths_that_meet_stay_separate(page: Page) -> None:
    """As a reused video brings them; one that is moved past the other must not join it."""
    page.evaluate(TAKE, {"golden_hour": {"high": 0.8, "low": 0.6}})
    row = stack_row(page, "golden_hour")
    boxes = row.locator('input[type="text"]')
    expect(boxes).to_have_count(2)
    type_strength(page, "golden_hour", "0.6", "high")
    page.evaluate(NEWS)
    expect(boxes).to_have_count(2)
    expect(boxes.first).to_be_focused()


def test_clearing_can_be_undone(page: Page) -> None:
    add(page, "golden_hour", "neon_outline")
    type_strength(page, "golden_hour", "0.45")
    write = page.locator(PROMPT_BOX)
    expect(write).to_have_value(re.compile("golden hour.*neon outline", re.IGNORECASE))
    before = write.input_value()
    page.locator("#lora-controls").get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#lora-controls .stack-row")).to_have_count(0)
    expect(write).to_have_value("")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect_order(page, "golden_hour", "neon_outline")
    expect(stack_row(page, "golden_hour").locator('input[type="text"]')).to_have_value("0.45")
    expect(write).to_have_value(before)


def test_the_line_warns_of_what_the_settings_do(page: Page) -> None:
    add(page, "golden_hour")
    stack_row(page, "golden_hour").get_by_role("button", name="Separate").click()
    type_strength(page, "golden_hour", "0", "high")
    fill(page, steps=2, flow_shift=12)
    warning = page.locator('#lora-controls .summary-warnings [data-kind="no-step"]')
    expect(warning).to_contain_text("low-noise expert gets none of the 2 steps")
    expect(warning).to_contain_text("Golden Hour changes nothing")
    fill(page, flow_shift=3)
    expect(warning).to_have_count(0)
    type_strength(page, "golden_hour", "0", "low")
    expect(page.locator('#lora-controls .summary-warnings [data-kind="zero"]')).to_be_visible()


def test_the_line_counts_what_is_on_before_the_server_has_answered(page: Page) -> None:
    add(page, "golden_hour")
    line = page.locator("#lora-controls .summary-total")
    expect(line).to_contain_text("memory while applied")
    held: list[Route] = []

    def hold(request: Route) -> None:
        held.append(request)

    page.route("**/api/selection*", hold)
    switch(page, "golden_hour").click()
    expect(line).to_have_text("None is switched on, 1 switched off")
    switch(page, "golden_hour").click()
    expect(line).to_have_text(re.compile("^1 LoRA on"))
    for request in held:
        request.continue_()
    page.unroute_all()


def test_two_tabs_do_not_fight(page: Page, app: App) -> None:
    add(page, "golden_hour", "pixel_mosaic")
    other = page.context.new_page()
    open_page(other, app)
    expect(stack_row(other, "pixel_mosaic")).to_be_visible()
    # Each changes another field of the same LoRA.
    type_strength(page, "golden_hour", "0.35")
    box = stack_row(other, "golden_hour").locator('input[type="text"]')
    expect(box).to_have_value("0.35")
    switch(other, "golden_hour").click()
    expect(switch(page, "golden_hour")).to_have_attribute("aria-checked", "false")
    type_strength(page, "golden_hour", "0.55")
    expect(box).to_have_value("0.55")
    stack_row(other, "pixel_mosaic").get_by_role("button", name="Remove").click()
    expect(stack_row(page, "pixel_mosaic")).to_have_count(0)
    eventually(
        page,
        lambda: [
            (item["name"], item["strength"], item["on"]) for item in saved(page, app)["stack"]
        ],
        [("golden_hour", 0.55, False)],
    )
    other.close()


def test_a_browser_that_keeps_no_cookie_keeps_the_stack(page: Page, app: App) -> None:
    """As in a frame of another site."""
    names = ("golden_hour", "motion_trail")
    for name in names:
        with page.expect_response(lambda answer: is_change(answer, *names)) as answered:
            add(page, name)
        assert name in answered.value.json()["selected_loras"]
        page.context.clear_cookies()
    assert set(answered.value.json()["selected_loras"]) == set(names)
    expect(page.locator("#lora-controls .stack-row")).to_have_count(2)


def is_change(answer: Response, *names: str) -> bool:
    """Whether it answers a change of one of these LoRAs."""
    sent = answer.request.post_data or ""
    return answer.request.method == "PATCH" and any(f'"{name}"' in sent for name in names)


def test_nothing_is_lost_without_a_connection(page: Page, app: App, watch: Watch) -> None:
    watch.expected.append("ERR_INTERNET_DISCONNECTED")
    add(page, "golden_hour")
    expect_saved(page, app, "golden_hour")
    page.context.set_offline(True)
    type_strength(page, "golden_hour", "0.15")
    note = page.locator("#lora-controls .summary-unsaved")
    expect(note).to_contain_text("Your changes are kept in this browser")
    page.context.set_offline(False)
    expect(note).to_be_hidden()
    eventually(page, lambda: saved(page, app)["selected_loras"], {"golden_hour": 0.15})


def test_a_change_of_a_page_that_was_closed_is_saved_by_the_next(page: Page, app: App) -> None:
    add(page, "golden_hour")
    expect_saved(page, app, "golden_hour")
    change = {"loras": {"golden_hour": {"strength": 0.25}}, "order": None}
    left = json.dumps(["lora-unsaved", json.dumps(change)])
    # As the new page begins: the old one may still be told that all is saved, and forget it.
    page.add_init_script(f"localStorage.setItem(...{left})")
    open_page(page, app)
    expect(stack_row(page, "golden_hour").locator('input[type="text"]')).to_have_value("0.25")
    eventually(page, lambda: saved(page, app)["selected_loras"], {"golden_hour": 0.25})


def test_the_picker_finds_by_trigger_word_with_the_keyboard(page: Page) -> None:
    page.locator("#lora-controls").get_by_role("button", name="Add LoRA").click()
    search = page.get_by_role("searchbox", name="Search the library").last
    rows = page.locator(".picker-row")
    search.fill("neon outline")  # a trigger word; other tests may have uploaded more LoRAs
    expect(page.locator('.picker-row[data-name="golden_hour"]')).to_have_count(0)
    search.fill("warm golden_hour")
    expect(rows).to_have_count(1)
    search.press("Enter")
    expect(stack_row(page, "golden_hour")).to_have_count(1)
    search.fill("")
    search.press("ArrowDown")
    expect(page.locator(".picker-row").first).to_be_focused()
    page.evaluate(NEWS)
    expect(page.locator(".picker-row").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_picker_narrows_and_sorts_as_the_tab_does(page: Page, app: App) -> None:
    def star(favourite: bool) -> None:
        body = {"names": ["pixel_mosaic"], "changes": {"favourite": favourite}}
        assert page.request.post(f"{app.address}api/loras/edit", data=body).ok

    star(True)
    open_tab(page, "LoRAs")
    page.get_by_role("combobox", name="Sort by").select_option("size")
    settle(page)
    tab = page.locator(CARDS).evaluate_all(NAMES)
    open_tab(page, "Generate")
    page.locator("#lora-controls").get_by_role("button", name="Add LoRA").click()
    picker = page.get_by_role("dialog", name="Add LoRAs")
    rows = picker.locator(".picker-row")
    expect(picker.get_by_role("combobox", name="Sort by")).to_have_value("size")
    assert rows.evaluate_all(NAMES)[: len(tab)] == tab
    picker.get_by_role("combobox", name="Sort by").select_option("name")
    picker.get_by_role("button", name="Favourites").click()
    expect(rows).to_have_count(1)
    expect(rows).to_have_attribute("data-name", "pixel_mosaic")
    tick = rows.locator(".picker-tick")
    expect(tick).to_be_hidden()
    rows.click()
    expect(tick).to_be_visible()
    picker.get_by_role("button", name="Tags").click()
    page.get_by_role("dialog", name="Tags").get_by_role("searchbox").fill("style")
    page.keyboard.press("Escape")
    picker.get_by_role("button", name="Clear filters").click()
    picker.get_by_role("searchbox").fill("tag:none-such")
    expect(picker.get_by_role("status")).to_have_text("No LoRA matches.")
    picker.get_by_role("searchbox").fill("pixle")
    expect(rows).to_have_count(1)
    expect(picker.get_by_role("status")).to_contain_text("Showing “pixel”")
    page.keyboard.press("Enter")
    expect(tick).to_be_hidden()
    star(False)


def test_a_misfit_is_said_once_with_what_can_be_done(page: Page) -> None:
    add(page, "golden_hour")
    total = page.locator("#lora-controls .summary-total")
    expect(total).to_contain_text("memory while applied")
    choose_model(page, "TI2V-5B")
    row = stack_row(page, "golden_hour")
    said = "Made for Demo. Doesn't work with Wan2.2 TI2V-5B."
    expect(page.locator("#lora-controls").get_by_text(said)).to_have_count(1)
    expect(total).to_have_text("1 LoRA on")
    why = row.locator("details")
    expect(why.locator("p").first).to_be_hidden()
    why.get_by_text("Why?").click()
    expect(why).to_contain_text("blocks.0.")
    row.get_by_role("button", name="Switch model").press("Enter")
    page.get_by_role("menuitem", name="Demo", exact=True).press("Enter")
    expect(row.locator(".stack-misfit")).to_have_count(0)
    expect(page.locator("#model input")).to_have_value(re.compile("^Demo"))
    expect(page.locator("#field-width input")).to_have_value("128")
    choose_model(page, "TI2V-5B")
    row.locator(".stack-misfit").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    choose_model(page, "Demo")


def test_the_last_strength_and_the_recent_loras_are_remembered(page: Page, app: App) -> None:
    add(page, "motion_trail")
    type_strength(page, "motion_trail", "0.62")
    write_prompt(page, PROMPT)
    fill(page, steps=2)
    job = page.request.post(
        f"{app.address}api/jobs",
        data={
            "model_type": "demo",
            "prompt": PROMPT,
            "steps": 2,
            "selected_loras": {"golden_hour": 0.5, "motion_trail": 0.62},
        },
    ).json()
    address = f"{app.address}api/jobs/{job['id']}"
    eventually(page, lambda: get_json(address)["state"], "done", VIDEO_MS)
    until(page, LAST_STRENGTH, "motion_trail")
    stack_row(page, "motion_trail").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Recent", exact=True).press("Enter")
    items = page.get_by_role("menu").get_by_role("menuitem")
    expect(items.filter(has_text="Golden Hour")).to_have_count(1)
    expect(items.first).to_be_focused()
    names = items.all_inner_texts()
    for _ in range(names.index("Motion Trail")):
        page.keyboard.press("ArrowDown")
    assert order(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(stack_row(page, "motion_trail")).to_be_visible()
    assert order(page) == ["motion_trail"]
    box = stack_row(page, "motion_trail").locator('input[type="text"]')
    expect(box).to_have_value("0.62")


def test_the_slider_has_the_range_that_a_person_wants(page: Page) -> None:
    add(page, "motion_trail")
    row = stack_row(page, "motion_trail")
    row.get_by_role("button", name="More for").click()
    page.get_by_role("menuitem", name="Slider range").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Lowest").fill("0.5")
    dialog.get_by_label("Highest").fill("0,4")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("lower one first")
    dialog.get_by_label("Highest").fill("1.5")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    type_strength(page, "motion_trail", "0.7")
    slider = row.locator('input[type="range"]')
    expect(slider).to_have_attribute("max", "1.5")
    expect(slider).to_have_attribute("min", "0.5")
    type_strength(page, "motion_trail", "3")
    expect(slider).to_have_value("3")


@pytest.mark.parametrize("width", [360, 1360])
def test_a_full_stack_does_not_stick_out(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    add(page, "golden_hour", "lightning_4step", "neon_outline")
    stack_row(page, "neon_outline").get_by_role("button", name="Separate").click()
    settle(page)
    expect_no_overflow(page)
    rows = page.locator("#lora-controls .stack-row")
    for box in rows.evaluate_all(
        "rows => rows.flatMap((row) => [...row.querySelectorAll('button, input')].map((item) =>"
        " item.getBoundingClientRect().right - row.getBoundingClientRect().right))"
    ):
        assert box <= 0.5
