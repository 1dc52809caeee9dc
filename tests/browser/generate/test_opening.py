"""The opening: something to see at once, and a first video with a LoRA in two clicks or fewer."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import (
    VIDEO_MS,
    eventually,
    expect_no_overflow,
    get_json,
    settle,
    stack_row,
    until,
    wait_for_video,
    write_prompt,
)
from tests.browser.looks import LOOKS, PHONE, Look, context_for
from tests.browser.page.steps import serious_findings
from tests.browser.running import App, open_page, start_app, stop_app
from tests.browser.watch import Watch
from utils import load_settings

EXAMPLE = load_settings().models["demo"].opens_with
PLAYS = "[...document.querySelectorAll('.opening video')].every((v) => v.currentTime > 0)"
# Every part of the tab that moved without a click or a key.
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
        for (const { node } of entry.hadRecentInput ? [] : entry.sources) {
            const part = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
            if (!part?.closest('#generate-columns')) continue;
            window.shifts.push(part.className || part.id);
        }
    }
}).observe({ type: 'layout-shift', buffered: true });
"""
PAINTED = "performance.getEntriesByName('first-contentful-paint').length === 1"
BEFORE_PAINT = """performance.getEntriesByType('resource').filter((one) =>
    one.name.includes('/api/opening/')
    && one.startTime < performance.getEntriesByName('first-contentful-paint')[0].startTime).length
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app in which no video was made; those tests that make one come last."""
    process, app = start_app(tmp_path_factory.mktemp("opening"))
    yield app
    stop_app(process)


Visit = Callable[..., Page]


@pytest.fixture
def visit(fresh: App, browser: Browser, watch: Watch) -> Iterator[Visit]:
    """Opens the app as somebody who has never been here; a complaint of the console fails."""
    opened: list[Page] = []

    def open_first(look: Look = LOOKS[0]) -> Page:
        page = context_for(browser, look).new_page()
        opened.append(page)
        watch.listen(page, fresh.address)
        page.add_init_script(SHIFTS)
        open_page(page, fresh, first_visit=True)
        return page

    yield open_first
    for page in opened:
        page.context.close()
    assert watch.complaints == []


def opening(page: Page) -> Locator:
    page.locator(".opening").wait_for()
    return page.locator(".opening")


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_it_shows_the_same_seed_without_and_with_a_lora(visit: Visit, axe: str, look: Look) -> None:
    page = visit(look)
    section = opening(page)
    expect(section.locator(".compare-label")).to_have_text(
        ["Without Golden Hour", "With Golden Hour"]
    )
    assert EXAMPLE is not None
    expect(section).to_contain_text(f"{EXAMPLE.prompt}, seed {EXAMPLE.seed}")
    expect(section).to_contain_text("small demonstration model")
    section.scroll_into_view_if_needed()
    page.wait_for_function(PLAYS)
    section.get_by_role("button", name="Pause").click()
    section.get_by_role("button", name="Wipe").click()
    expect(section.get_by_label("Where the second video begins")).to_be_visible()
    settle(page)
    expect_no_overflow(page)
    assert serious_findings(page, axe) == []


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_it_moves_nothing_and_costs_no_first_paint(visit: Visit, look: Look) -> None:
    page = visit(look)
    opening(page)
    page.wait_for_function(PLAYS)
    page.wait_for_function(PAINTED)
    settle(page)
    assert page.evaluate(BEFORE_PAINT) == 0
    assert page.evaluate("window.shifts") == []


def test_on_a_phone_it_is_what_is_seen_first(visit: Visit) -> None:
    page = visit(PHONE)
    box = opening(page).bounding_box()
    prompt = page.locator("#prompt").bounding_box()
    assert box is not None and prompt is not None
    assert 0 < box["y"] < prompt["y"]
    assert page.evaluate("scrollY") == 0


def test_it_is_dismissed_for_good(visit: Visit, fresh: App) -> None:
    page = visit()
    opening(page)
    page.get_by_role("button", name="Dismiss the example").click()
    expect(page.locator(".opening")).to_have_count(0)
    expect(page.locator(".run-stage")).to_contain_text("Write a prompt and press Generate.")
    open_page(page, fresh, first_visit=True)
    expect(page.locator(".run-stage")).to_be_visible()
    until(page, "async () => (await (await fetch('api/results')).json()).total === 0")
    expect(page.locator(".opening")).to_have_count(0)


def test_a_newcomer_has_a_video_with_a_lora_after_one_click(visit: Visit, fresh: App) -> None:
    assert EXAMPLE is not None
    page = visit()
    opening(page)
    write_prompt(page, "my own words")
    page.evaluate("addEventListener('click', () => { window.clicks = (window.clicks ?? 0) + 1; })")
    page.get_by_role("button", name="Make this video").click()
    expect(page.locator(".lora-toasts")).to_contain_text("The example took the place of")
    eventually(page, lambda: len(get_json(f"{fresh.address}api/jobs")), 1)
    job = get_json(f"{fresh.address}api/jobs")[0]
    wait_for_video(page, job["id"], 2 * VIDEO_MS)
    assert page.evaluate("window.clicks") == 1
    task = get_json(f"{fresh.address}api/jobs/{job['id']}")["task"]
    assert (task["prompt"], task["seed"]) == (EXAMPLE.prompt, EXAMPLE.seed)
    assert task["selected_loras"] == EXAMPLE.selected_loras
    expect(page.locator("#prompt textarea")).to_have_value(EXAMPLE.prompt)
    expect(stack_row(page, "golden_hour")).to_be_visible()
    expect(page.locator(".opening")).to_have_count(0)


def test_it_gives_way_to_videos_of_ones_own(visit: Visit, fresh: App) -> None:
    small = {"steps": 1, "width": 64, "height": 64, "num_frames": 5}
    body = {"task": {"model_type": "demo", "prompt": "a red circle", **small}}
    asked = urllib.request.Request(
        f"{fresh.address}api/jobs", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked) as answer:
        job = json.load(answer)["id"]
    made = f"{fresh.address}api/jobs/{job}"
    eventually(visit(), lambda: get_json(made)["state"], "done", VIDEO_MS)
    urllib.request.urlopen(urllib.request.Request(f"{fresh.address}api/queue/clear", method="POST"))
    page = visit()
    expect(page.locator(".run-stage")).to_contain_text("Write a prompt and press Generate.")
    page.wait_for_function("localStorage.getItem('studio-opening') === 'over'")
    expect(page.locator(".opening")).to_have_count(0)
