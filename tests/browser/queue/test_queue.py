"""The queue on the page: what runs, waits and has ended, in every tab and every browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import PROMPT, VIDEO_MS, eventually, heard_twice, settle, stack_row
from tests.browser.queue.steps import clear, post
from tests.browser.running import App, open_page, open_tab, phone_page


@pytest.fixture(autouse=True)
def empty_queue(page: Page, app: App) -> Any:
    """Nothing of other tests, before and after."""
    clear(page, app)
    yield
    clear(page, app)


def submit(page: Page, app: App, prompt: str = PROMPT, **body: Any) -> str:
    task = {"model_type": "demo", "prompt": prompt, "steps": body.pop("steps", 2)}
    return str(post(page, app, "api/jobs", task=task, **body)["id"])


def waiting(page: Page, app: App) -> list[str]:
    """The server's order."""
    status = page.request.get(f"{app.address}api/status").json()
    return [job["id"] for job in status["queue"]]


def open_queue(page: Page) -> None:
    page.locator("#queue-button").click()
    page.locator(".queue-tools").wait_for()


def row(page: Page, job_id: str) -> Locator:
    return page.locator(f'.queue-row[data-id="{job_id}"]')


def expect_order(page: Page, *ids: str) -> None:
    rows = page.locator('.queue-list[aria-label="Waiting"] .queue-row')
    shown = "rows => rows.map((row) => row.dataset.id)"
    eventually(page, lambda: rows.evaluate_all(shown), list(ids))


def test_waiting_jobs_are_ordered_edited_and_cancelled(page: Page, app: App) -> None:
    post(page, app, "api/queue/pause")
    first, second, third = (submit(page, app) for _ in range(3))
    expect(page.locator("#queue-button")).to_have_attribute(
        "aria-label", "Queue: 0 running, 3 waiting, paused"
    )
    open_tab(page, "LoRAs")  # the queue is reached from every tab
    open_queue(page)
    expect_order(page, first, second, third)

    down = row(page, first).get_by_role("button", name="Move down")
    down.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".queue .visually-hidden")).to_have_text("Moved to place 2")
    expect(row(page, first).locator("xpath=preceding-sibling::li")).to_have_count(1)
    expect(down).to_be_focused()
    settle(page)
    row(page, third).drag_to(row(page, second))
    expect(page.locator(".queue .visually-hidden")).to_have_text("Moved to place 1")
    expect_order(page, third, second, first)
    assert waiting(page, app) == [third, second, first]

    row(page, second).get_by_role("button", name="Edit").click()
    form = page.locator("#queue-edit")
    form.get_by_label("Prompt", exact=True).fill("a white circle moving down")
    form.get_by_label("Steps").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("steps")
    form.get_by_label("Steps").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(row(page, second)).to_contain_text("a white circle moving down")

    row(page, third).get_by_role("button", name="Duplicate").click()
    expect(page.locator('.queue-list[aria-label="Waiting"] .queue-row')).to_have_count(4)
    row(page, third).get_by_role("button", name="Cancel").click()
    expect(row(page, third)).to_contain_text("Cancelled")
    row(page, third).get_by_role("button", name="Retry").click()
    expect(row(page, third)).to_contain_text("Waiting")
    page.keyboard.press("Escape")
    expect(page.locator("#queue-button")).to_be_focused()


def test_a_job_that_is_let_go_where_it_was_stays_there(page: Page, app: App) -> None:
    post(page, app, "api/queue/pause")
    first, second = (submit(page, app) for _ in range(2))
    open_queue(page)
    expect_order(page, first, second)
    moves: list[str] = []
    page.on("request", lambda asked: asked.url.endswith("/move") and moves.append(asked.url))
    box = row(page, first).locator(".queue-prompt").bounding_box()
    assert box is not None
    x, y = box["x"] + 5, box["y"] + 5
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 12)
    expect(row(page, first)).to_have_class("queue-row dragged")
    page.mouse.up()
    expect(row(page, first)).to_have_class("queue-row")
    heard_twice(page)
    expect_order(page, first, second)
    assert moves == []
    row(page, first).drag_to(row(page, second))
    expect_order(page, second, first)
    assert len(moves) == 1


def test_size_loras_and_priority_of_a_waiting_job_are_changed(page: Page, app: App) -> None:
    # One number for both experts, whatever the last run left as the strength to start with.
    chosen = {"selected_loras": {"golden_hour": 0.4}}
    assert page.request.put(f"{app.address}api/selection", data=chosen).ok
    open_page(page, app)
    expect(stack_row(page, "golden_hour")).to_be_visible()
    post(page, app, "api/queue/pause")
    first, second = submit(page, app), submit(page, app)
    open_queue(page)
    row(page, second).get_by_role("button", name="Edit").click()
    form = page.locator("#queue-edit")
    form.get_by_label("Width").fill("96")
    form.get_by_label("Guidance, low").fill("2.5")
    form.get_by_label("Use the LoRAs that are chosen now: Golden Hour 0.4").check()
    form.get_by_label("Priority").fill("5")
    page.get_by_role("button", name="Save").click()
    expect(row(page, second)).to_contain_text("priority 5")
    expect(row(page, first).locator("xpath=preceding-sibling::li")).to_have_count(1)
    task = page.request.get(f"{app.address}api/jobs/{second}").json()["task"]
    assert (task["width"], task["guidance_scale_2"]) == (96, 2.5)
    assert task["selected_loras"] == {"golden_hour": 0.4}


@pytest.fixture
def watch(watch: Any) -> Any:
    return watch


def test_a_batch_shows_its_videos_as_they_come(page: Page, app: App) -> None:
    parts = [{"label": f"seed {seed}", "changes": {"seed": seed}} for seed in (1, 2)]
    job_id = submit(page, app, parts=parts)
    open_queue(page)
    expect(row(page, job_id)).to_contain_text("2 of 2 videos", timeout=3 * VIDEO_MS)
    row(page, job_id).locator("summary").click()
    expect(row(page, job_id).get_by_role("link", name="seed 2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".cell-video[src*='/video']")).to_have_count(2)


def test_a_finished_row_has_its_picture_and_opens_its_video(page: Page, app: App) -> None:
    job_id = submit(page, app)
    expect(page.locator(f'.run-video[src*="{job_id}"]')).to_be_visible(timeout=VIDEO_MS)
    open_queue(page)
    finished = row(page, job_id)
    expect(finished.get_by_role("button", name="Remove from the list")).to_have_text("Remove")
    finished.get_by_role("button", name="Open the video").click()
    dialog = page.get_by_role("dialog", name="Video", exact=True)
    expect(dialog.locator(f"video[src*='{job_id}']")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(finished).to_be_visible()


def test_two_browsers_and_a_reload_see_the_same(page: Page, app: App, browser: Browser) -> None:
    post(page, app, "api/queue/pause")
    job_id = submit(page, app)
    context = browser.new_context()
    other = context.new_page()
    open_page(other, app)
    open_queue(other)
    open_queue(page)
    expect(row(other, job_id)).to_contain_text("Waiting")
    page.get_by_role("button", name="Resume the queue").click()
    for each in (page, other):
        expect(row(each, job_id)).to_contain_text("Done", timeout=VIDEO_MS)
        expect(each.get_by_role("button", name="Pause the queue")).to_be_visible()
    row(other, job_id).get_by_role("button", name="Remove from the list").click()
    expect(row(page, job_id)).to_have_count(0)
    context.close()
    open_page(page, app)
    open_queue(page)
    expect(page.locator(".queue-empty")).to_be_visible()


def test_clearing_asks_before_what_could_be_run_again_goes(page: Page, app: App) -> None:
    post(page, app, "api/queue/pause")
    gone, waiting = submit(page, app), submit(page, app)
    post(page, app, f"api/jobs/{gone}/cancel")
    open_queue(page)
    expect(row(page, gone)).to_contain_text("Cancelled")
    page.get_by_role("button", name="Clear finished").click()
    question = page.get_by_role("dialog", name="Clear finished jobs?")
    expect(question).to_contain_text("1 of them did not finish")
    question.get_by_role("button", name="Keep it").click()
    expect(row(page, gone)).to_be_visible()
    page.get_by_role("button", name="Clear finished").click()
    question.get_by_role("button", name="Clear", exact=True).click()
    expect(row(page, gone)).to_have_count(0)
    expect(row(page, waiting)).to_be_visible()


def test_the_queue_fits_a_phone(browser: Browser, page: Page, app: App) -> None:
    post(page, app, "api/queue/pause")
    job_id = submit(page, app, "a prompt of one-very-long-word-" + "x" * 120)
    phone = phone_page(browser, app)
    open_queue(phone)
    expect(row(phone, job_id)).to_be_visible()
    settle(phone)
    for name in ("html", ".queue-dialog"):
        wide = f"document.querySelector('{name}').scrollWidth"
        assert phone.evaluate(f"{wide} <= 360")
    for button in phone.locator(".queue-dialog button:visible").all():
        box = button.bounding_box()
        assert box is not None and box["height"] >= 44 and box["width"] >= 44
    phone.context.close()
