"""The first visit: a ready example stands in the form, and a form that was used is left alone."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.actions import (
    eventually,
    fill,
    generate,
    get_json,
    known,
    saved,
    stack_row,
    wait_for_video,
    write_prompt,
)
from tests.browser.running import App, open_page
from utils import load_settings

ROW = load_settings().models["demo"]
EXAMPLE = ROW.opens_with


def test_a_first_visit_opens_with_a_ready_example(first_page: Page, app: App) -> None:
    assert EXAMPLE is not None
    open_page(first_page, app, first_visit=True)
    expect(first_page.locator("#prompt textarea")).to_have_value(EXAMPLE.prompt)
    expect(first_page.locator("#field-seed input")).to_have_value(str(EXAMPLE.seed))
    expect(first_page.locator("#prompt-words").get_by_role("status")).to_be_hidden()
    for name in EXAMPLE.selected_loras:
        expect(stack_row(first_page, name)).to_be_visible()


def test_one_click_makes_its_video(first_page: Page, app: App) -> None:
    assert EXAMPLE is not None
    open_page(first_page, app, first_visit=True)
    job_id = generate(first_page)
    wait_for_video(first_page, job_id)
    task = get_json(f"{app.address}api/jobs/{job_id}")["task"]
    assert task["prompt"] == EXAMPLE.prompt
    assert task["seed"] == EXAMPLE.seed
    assert task["selected_loras"] == EXAMPLE.selected_loras


def test_what_was_changed_in_the_example_stays_changed(first_page: Page, app: App) -> None:
    assert EXAMPLE is not None
    open_page(first_page, app, first_visit=True)
    for name in EXAMPLE.selected_loras:
        stack_row(first_page, name).get_by_role("button", name="Remove").click()
        expect(stack_row(first_page, name)).to_have_count(0)
    eventually(first_page, lambda: saved(first_page, app)["stack"], [])
    open_page(first_page, app, first_visit=True)
    expect(first_page.locator("#lora-controls .stack-row")).to_have_count(0)
    write_prompt(first_page, "")
    fill(first_page, seed="")
    known(first_page, prompt="", seed="")
    open_page(first_page, app, first_visit=True)
    expect(first_page.locator("#prompt textarea")).to_have_value("")
    expect(first_page.locator("#field-seed input")).to_have_value("")


def test_a_kept_form_is_not_written_over(page: Page, app: App) -> None:
    write_prompt(page, "my own words")
    known(page, prompt="my own words")
    open_page(page, app)
    expect(page.locator("#prompt textarea")).to_have_value("my own words")
    expect(page.locator("#field-seed input")).to_have_value("")
    assert saved(page, app)["stack"] == []
