"""LoRAs that are written into the prompt become rows of the stack; the rest of it is told."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.browser.actions import eventually, known, saved, stack_row, write_prompt
from tests.browser.running import App

PROMPT_BOX = "#prompt textarea"
NEGATIVE_BOX = "#negative-prompt textarea"
NOTES = "#lora-controls .prompt-notes li"


def test_a_typed_lora_becomes_a_row_and_undo_writes_it_again(page: Page, app: App) -> None:
    box = page.locator(PROMPT_BOX)
    box.press_sequentially("a fox <lora:pixel_mosaic:0.8:0.4>, red")
    expect(stack_row(page, "pixel_mosaic")).to_be_visible()
    expect(box).to_have_value("a fox, red, pixel mosaic")
    expect(box).to_be_focused()
    wanted = {"high": 0.8, "low": 0.4}
    eventually(page, lambda: saved(page, app)["selected_loras"], {"pixel_mosaic": wanted})
    page.get_by_role("button", name="Undo").click()
    expect(stack_row(page, "pixel_mosaic")).to_have_count(0)
    expect(box).to_have_value("a fox <lora:pixel_mosaic:0.8:0.4>, red")
    known(page, prompt="a fox <lora:pixel_mosaic:0.8:0.4>, red")
    box.press("End")
    box.press_sequentially(" and white")
    known(page, prompt="a fox <lora:pixel_mosaic:0.8:0.4>, red and white")
    expect(stack_row(page, "pixel_mosaic")).to_have_count(0)
    box.press_sequentially(" <lora:golden_hour:1>")  # another one is taken with it
    expect(stack_row(page, "golden_hour")).to_be_visible()
    expect(stack_row(page, "pixel_mosaic")).to_be_visible()


def test_what_is_typed_during_the_answer_takes_nothing_twice(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/selection/prompt", hold, times=1)
    box = page.locator(PROMPT_BOX)
    with page.expect_request("**/api/selection/prompt"):
        box.press_sequentially("a fox <lora:pixel_mosaic:0.8>")
    box.press_sequentially(", red")
    known(page, prompt="a fox <lora:pixel_mosaic:0.8>, red")
    held[0].continue_()
    expect(box).to_have_value("a fox, red, pixel mosaic")
    expect(stack_row(page, "pixel_mosaic")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(1)


def test_a_pasted_prompt_is_read_at_once(page: Page, app: App) -> None:
    box = page.locator(PROMPT_BOX)
    write_prompt(page, "a fox, golden hour light <lora:wan/Golden_Hour.safetensors:0.6>")
    box.press("ControlOrMeta+a")
    box.press("ControlOrMeta+x")
    expect(box).to_have_value("")
    box.press("ControlOrMeta+v")
    expect(box).to_have_value("a fox, golden hour light")
    eventually(page, lambda: saved(page, app)["selected_loras"], {"golden_hour": 0.6})


def test_the_negative_prompt_is_read_when_it_is_left(page: Page, app: App) -> None:
    page.locator("#negative-prompt").get_by_role("button").first.click()
    box = page.locator(NEGATIVE_BOX)
    box.fill("dull <lora:golden_hour:0.6>")
    box.press("Tab")
    expect(box).to_have_value("dull")
    eventually(page, lambda: saved(page, app)["selected_loras"], {"golden_hour": 0.6})


def test_what_is_not_read_is_told_under_the_prompt(page: Page) -> None:
    write_prompt(page, "a {red|blue} fox <lora:golden_hou:0.6>")
    notes = page.locator(NOTES)
    expect(notes).to_have_count(2)
    expect(notes.first).to_contain_text("Did you mean 'golden_hour'?")
    expect(notes.last).to_contain_text("{red|blue} goes to the model as written")
    expect(page.locator(PROMPT_BOX)).to_have_value("a {red|blue} fox <lora:golden_hou:0.6>")
    write_prompt(page, "a fox")
    expect(notes).to_have_count(0)
