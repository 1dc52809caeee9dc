"""Runs that are several videos, and runs that end before they are done; the demo model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.actions import (
    PROMPT,
    STEP_MS,
    VIDEO_MS,
    eventually,
    fill,
    generate,
    get_json,
    wait_for_video,
    write_prompt,
)
from tests.browser.generate.steps import add
from tests.browser.queue.steps import clear
from tests.browser.running import App, held_up, open_page, worker_of

LONG_MS = 4 * VIDEO_MS  # for a run of many steps on a machine that has other work


@pytest.fixture(autouse=True)
def empty_queue(page: Page, app: App) -> Iterator[None]:
    """No run of another test is in the way, whatever became of it."""
    clear(page, app)
    yield
    clear(page, app)


def videos(page: Page, count: int) -> None:
    page.locator("#video-count").fill(str(count))
    page.locator("#video-count").press("Tab")


def small(page: Page, **fields: Any) -> None:
    """A video of small frames, so that many steps take a few seconds."""
    fill(page, width=64, height=64, frames=5, **fields)


def parts_of(app: App, job_id: str) -> list[dict[str, Any]]:
    return list(get_json(f"{app.address}api/jobs/{job_id}")["parts"])


def test_a_number_of_seeds_is_one_job(page: Page, app: App) -> None:
    write_prompt(page)
    small(page, steps=40, seed=4294967295)
    videos(page, 3)
    job_id = generate(page)
    parts = parts_of(app, job_id)
    assert [part["changes"]["seed"] for part in parts] == [4294967295, 0, 1]
    assert [part["label"] for part in parts] == ["seed 4294967295", "seed 0", "seed 1"]
    assert [part["cell"] for part in parts] == [[0, 0], [1, 0], [2, 0]]
    expect(page.locator(".run-note")).to_contain_text("of 3", timeout=STEP_MS)
    expect(page.locator(".cell-video[src*='/video']")).to_have_count(3, timeout=3 * VIDEO_MS)
    expect(page.locator(".run-note")).to_contain_text("3 videos done")
    open_page(page, app)
    expect(page.locator("#video-count")).to_have_value("3")
    videos(page, 0)
    expect(page.locator("#video-count")).to_have_value("1")
    wait_for_video(page, generate(page))


def test_seeds_without_a_first_one_are_drawn_and_kept(page: Page, app: App) -> None:
    write_prompt(page)
    small(page, steps=400, seed="")
    videos(page, 2)
    job_id = generate(page)
    first, second = (part["changes"]["seed"] for part in parts_of(app, job_id))
    assert second == (first + 1) % 2**32
    page.locator("#cancel-button").click()
    expect(page.locator(".run-note")).to_have_text("Cancelled", timeout=STEP_MS)


def test_prompts_from_a_list_are_one_job(page: Page, app: App) -> None:
    write_prompt(page, "what the form says")
    small(page, steps=2, seed=9)
    page.get_by_role("button", name="Prompts from a list").click()
    expect(page.locator("button[form='grid-form']")).to_be_disabled()
    page.get_by_label("One prompt on each line").fill(f"\n{PROMPT}\n   \na green triangle \n")
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        page.get_by_role("button", name="Make 2 videos").click()
    job_id = asked.value.json()["id"]
    parts = parts_of(app, job_id)
    assert [part["label"] for part in parts] == [PROMPT, "a green triangle"]
    assert [part["changes"] for part in parts] == [
        {"prompt": PROMPT},
        {"prompt": "a green triangle"},
    ]
    expect(page.locator(".cell-video[src*='/video']")).to_have_count(2, timeout=3 * VIDEO_MS)
    seeds = {part["result"]["task"]["seed"] for part in parts_of(app, job_id)}
    assert seeds == {9}
    expect(page.locator("#prompt textarea")).to_have_value("what the form says")
    videos(page, 2)
    page.get_by_role("button", name="Prompts from a list").click()
    expect(page.get_by_label("One prompt on each line")).to_have_value(
        f"\n{PROMPT}\n   \na green triangle \n"
    )
    expect(page.get_by_label("How many seeds")).to_have_value("2")
    expect(page.get_by_role("button", name="Make 4 videos")).to_be_enabled()
    page.keyboard.press("Escape")
    videos(page, 1)


def test_a_list_of_prompts_is_kept_while_it_is_written(page: Page) -> None:
    ask = page.get_by_role("button", name="Prompts from a list")
    text = page.get_by_label("One prompt on each line")
    ask.click()
    text.fill("half a list")
    page.keyboard.press("Escape")
    expect(text).to_have_count(0)
    ask.click()
    expect(text).to_have_value("half a list")


def test_a_page_that_was_closed_finds_its_run_when_opened_again(
    page: Page, app: App, browser: Browser
) -> None:
    first = browser.new_context().new_page()
    open_page(first, app)
    write_prompt(first)
    small(first, steps=150, seed=6)
    job_id = generate(first)
    expect(first.locator(".run-note")).to_contain_text("Step", timeout=STEP_MS)
    first.context.close()
    again = browser.new_context().new_page()
    with held_up(app):
        open_page(again, app)
        expect(again.locator(".run-note")).to_contain_text("Step")
        expect(again.locator("#status-line")).to_contain_text("Step")
    wait_for_video(again, job_id, LONG_MS)
    again.context.close()


def test_a_report_has_the_titles_once_the_library_is_read(
    page: Page, app: App, browser: Browser
) -> None:
    add(page, "golden_hour")
    write_prompt(page)
    small(page, steps=2, seed=6)
    wait_for_video(page, generate(page))
    again = browser.new_context().new_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    again.route("**/api/loras/cards", hold)
    open_page(again, app)
    name = again.locator("#run-panel .run-lora-name")
    expect(name).to_have_text("golden_hour")
    eventually(again, lambda: len(held), 1)
    (asked,) = held
    asked.continue_()
    expect(name).to_have_text("Golden Hour")
    again.context.close()


def test_a_cancelled_run_is_retried_with_one_click(page: Page, app: App) -> None:
    write_prompt(page)
    small(page, steps=150, seed=12)
    job_id = generate(page)
    expect(page.locator("#retry-button")).to_be_hidden()
    expect(page.locator(".run-note")).to_contain_text("Step", timeout=STEP_MS)
    page.locator("#cancel-button").click()
    expect(page.locator(".run-note")).to_have_text("Cancelled", timeout=STEP_MS)
    page.locator("#retry-button").click()
    expect(page.locator("#cancel-button")).to_be_enabled()
    wait_for_video(page, job_id, LONG_MS)
    expect(page.locator("#retry-button")).to_be_hidden()
    assert get_json(f"{app.address}api/jobs/{job_id}")["task"]["seed"] == 12


def test_a_batch_that_is_retried_in_the_queue_can_be_cancelled_again(page: Page) -> None:
    write_prompt(page)
    small(page, steps=1000, seed=14)
    videos(page, 2)
    generate(page)
    cancel = page.locator("#cancel-button")
    for _ in range(2):
        expect(page.locator(".run-note")).to_contain_text("Step", timeout=STEP_MS)
        expect(cancel).to_be_enabled()
        cancel.click()
        expect(page.locator(".run-note")).to_have_text("Cancelled", timeout=STEP_MS)
        page.locator("#queue-button").click()
        page.locator(".queue-row").first.get_by_role("button", name="Retry").click()
        page.keyboard.press("Escape")
    expect(cancel).to_be_enabled()


def test_what_was_refused_is_forgotten_once_another_is_queued(page: Page) -> None:
    write_prompt(page)
    small(page, steps=1000, seed=15)
    generate(page)
    expect(page.locator(".run-note")).to_contain_text("Step", timeout=STEP_MS)
    write_prompt(page, "")
    assert generate(page) == ""
    refusal = page.locator("#prompt .field-problem")
    expect(refusal).to_have_text("Write a prompt first.")
    expect(page.locator("#prompt textarea")).to_be_focused()
    expect(page.locator("#run-panel")).not_to_contain_text("prompt first")  # the other run's
    write_prompt(page)
    expect(refusal).to_have_count(0)
    assert generate(page) != ""
    expect(page.locator(".run-note")).to_contain_text("Step")


def test_a_killed_worker_interrupts_the_run_which_is_retried(page: Page, app: App) -> None:
    write_prompt(page)
    small(page, steps=150, seed=13)
    job_id = generate(page)
    expect(page.locator(".run-note")).to_contain_text("Step", timeout=STEP_MS)
    worker_of(app).kill()
    expect(page.locator(".run-note")).to_have_text("This run was interrupted", timeout=STEP_MS)
    expect(page.locator(".run-problem")).to_contain_text("SIGKILL")
    page.locator("#retry-button").click()
    wait_for_video(page, job_id, LONG_MS)
    expect(page.locator(".run-problem")).to_be_hidden()


@pytest.mark.parametrize("tab", ["Generate", "LoRAs", "Gallery"])
def test_the_status_line_tells_of_the_run_on_every_tab(page: Page, app: App, tab: str) -> None:
    write_prompt(page)
    small(page, steps=400)
    generate(page)
    page.get_by_role("tab", name=tab).click()
    expect(page.locator("#status-line")).to_contain_text("Step", timeout=STEP_MS)
    expect(page.locator(".status-bar")).to_be_visible()
    expect(page.locator("#queue-button")).to_have_attribute(
        "aria-label", "Queue: 1 running, 0 waiting"
    )
    page.get_by_role("tab", name="Generate").click()
    page.locator("#cancel-button").click()
    expect(page.locator(".run-note")).to_have_text("Cancelled", timeout=STEP_MS)


def test_what_will_not_fit_is_said_before_it_is_asked_for(page: Page, app: App) -> None:
    expect(page.locator("#status-line")).to_contain_text("Ready", timeout=VIDEO_MS)
    line = page.locator(".estimate:not(.model-notice)")
    expect(line).to_be_hidden()
    fill(page, width=16384, height=16384)
    expect(line).to_contain_text("is estimated to need")
    expect(line.get_by_role("listitem").first).to_contain_text("Use ")
    fill(page, width=64, height=64)
    expect(line).to_be_hidden()
