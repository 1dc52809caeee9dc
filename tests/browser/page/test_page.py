"""The page as a whole: how soon it is there, what it shows, and that it keeps its peace."""

from __future__ import annotations

import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import (
    STEP_MS,
    expect_no_overflow,
    fill,
    get_json,
    heard_twice,
    known,
    settle,
    write_prompt,
)
from tests.browser.running import App, open_page, open_tab

# Two cores that do nothing else serve the page within five seconds of the command; a loaded
# test machine gets more.
START_SECONDS = 60.0


def test_the_page_is_served_soon_after_the_command(app: App) -> None:
    assert app.started_in < START_SECONDS
    with urllib.request.urlopen(app.address) as answer:
        assert answer.status == 200


def test_the_status_line_says_when_the_worker_is_ready(page: Page) -> None:
    expect(page.locator("#status-line")).to_contain_text("Ready", timeout=STEP_MS)
    open_tab(page, "LoRAs")
    expect(page.locator("#status-line")).to_be_visible()


def test_choosing_a_model_fills_in_its_values(page: Page) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name="TI2V-5B").click()
    expect(page.locator("#field-width input")).to_have_value("1280")
    expect(page.locator("#field-steps input")).to_have_value("50")
    expect(page.locator("#field-guidance-2")).to_be_hidden()
    expect(page.get_by_role("heading", name="Input picture")).to_be_visible()


def test_passing_through_the_models_leaves_the_values(page: Page) -> None:
    fill(page, steps=7)
    with page.expect_response(lambda answer: "/gradio_api/run/" in answer.url) as asked:
        page.locator("#model input").focus()
        page.keyboard.press("Tab")
    assert asked.value.ok
    heard_twice(page)
    expect(page.locator("#field-steps input")).to_have_value("7")


def test_an_example_fills_the_prompt_and_survives_a_reload(page: Page, app: App) -> None:
    chip = page.locator("#prompt-examples button").nth(1)
    expect(chip).not_to_be_empty()
    text = chip.inner_text()
    chip.click()
    expect(page.locator("#prompt textarea")).to_have_value(text)
    page.locator("#field-seed").get_by_role("button", name="Roll").click()
    expect(page.locator("#field-seed input")).not_to_have_value("")
    seed = page.locator("#field-seed input").input_value()
    known(page, prompt=text, seed=seed)
    open_page(page, app)
    expect(page.locator("#prompt textarea")).to_have_value(text)
    expect(page.locator("#field-seed input")).to_have_value(seed)


def test_light_and_dark_are_kept(page: Page, app: App) -> None:
    page.locator("#theme-switch").click()
    dark = page.evaluate("document.body.classList.contains('dark')")
    open_page(page, app)
    expect(page.locator("#theme-switch")).to_have_text("Light" if dark else "Dark")


@pytest.mark.parametrize("width", [360, 768])
@pytest.mark.parametrize("tab", ["Generate", "LoRAs"])
def test_nothing_sticks_out_on_a_narrow_screen(page: Page, width: int, tab: str) -> None:
    page.set_viewport_size({"width": width, "height": 780})
    open_tab(page, tab)
    settle(page)
    expect_no_overflow(page)


def test_the_status_answers_only_what_is_new(app: App) -> None:
    status = get_json(f"{app.address}api/status")
    assert {"rev", "worker", "job", "queue", "library"} <= set(status)
    revision = get_json(f"{app.address}api/status")["rev"]
    with urllib.request.urlopen(f"{app.address}api/status?rev={revision}") as answer:
        assert answer.status in (200, 204)


def test_on_a_phone_a_refusal_comes_into_sight(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    write_prompt(page)
    fill(page, seed="seven")
    page.locator("#generate-button").click()
    problem = page.locator("#field-seed .field-problem")
    expect(problem).to_have_text("Use a whole number from 0 to 4294967295.")
    expect(problem).to_be_in_viewport(ratio=0.9)
    expect(page.locator("#field-seed input")).to_be_focused()
