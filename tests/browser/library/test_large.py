"""Thousands of LoRAs: nothing jumps, no blank cards, and pictures only where one looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from benchmarks.page_servers import grow_library
from tests.browser.actions import STEP_MS, eventually, heard_twice, settle
from tests.browser.running import App, open_page, open_tab, run_app, stop_app
from tests.browser.watch import Watch

LORAS = 2000
SCROLLS, STEP = 60, 700  # pixels of each; about as a wheel that is spun
NEAR = 70  # cards that are near a window of 900 pixels, five to a line
# Every layout shift, also those after a key or a click, which the browser would forgive.
SHIFTS = """
    window.shifts = [];
    const note = (entries) => {
        for (const entry of entries) {
            const names = entry.sources.map(({ node }) => node?.className || node?.id || '');
            window.shifts.push([entry.value, entry.hadRecentInput, names.join(' | ')]);
        }
    };
    const observer = new PerformanceObserver((list) => note(list.getEntries()));
    observer.observe({ type: 'layout-shift', buffered: true });
    window.takeShifts = () => {
        note(observer.takeRecords());
        return window.shifts.splice(0);
    };
"""
MOST_SHIFT = 0.01  # of the window; 0.1 is called good
MOST_WHILE_LOADING = 0.02  # Gradio's own "Loading" moves a little before our page is there
# Of the points of the grid, those at which neither a card nor its gap is to be seen.
BARE = """async ([scrolls, step]) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    const grid = document.querySelector('.cards');
    let bare = 0;
    let looked = 0;
    for (let number = 0; number < scrolls; number += 1) {
        document.scrollingElement.scrollTop += step;
        await frame();
        const box = grid.getBoundingClientRect();
        for (let y = 100; y < innerHeight - 20; y += 100) {
            if (y < box.top + 60 || y > box.bottom - 60) continue;
            looked += 1;
            const near = [y, y + 20, y - 20].map((at) =>
                document.elementFromPoint(box.left + box.width * 0.4, at));
            if (!near.some((item) => item?.closest('.card[data-name], .cards-heading'))) bare += 1;
        }
    }
    return { bare, looked };
}"""


@dataclass
class Large:
    """A page on a large library, with the thumbnails that it asked for."""

    page: Page
    app: App
    thumbnails: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def large_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("large")
    grow_library(folder, LORAS)
    process, app = run_app(folder)
    yield app
    stop_app(process)


@pytest.fixture
def large(large_app: App, browser: Browser, watch: Watch) -> Iterator[Large]:
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    page = context.new_page()
    watch.listen(page, large_app.address)
    page.add_init_script(SHIFTS)
    found = Large(page, large_app)

    def asked(request: Request) -> None:
        if "api/loras/thumbnail" in request.url:
            found.thumbnails.append(request.url)

    page.on("request", asked)
    open_page(page, large_app)
    yield found
    context.close()
    assert watch.complaints == []


def shifts(page: Page) -> list[tuple[float, bool, str]]:
    """What moved since this was asked last: how much, whether by a user's doing, and what."""
    heard_twice(page)
    found = page.evaluate("window.takeShifts()")
    return [tuple(item) for item in found]


def moved(page: Page) -> tuple[float, list[tuple[float, bool, str]]]:
    found = shifts(page)
    return sum(value for value, _, _ in found), found


def test_nothing_jumps_while_the_page_loads(large: Large) -> None:
    page = large.page
    expect(page.locator("#status-line")).to_contain_text("Ready", timeout=STEP_MS)
    total, found = moved(page)
    assert total <= MOST_WHILE_LOADING, found


@pytest.mark.parametrize("width", [360, 1360])
def test_nothing_jumps_when_it_loads_with_a_stack(large: Large, width: int) -> None:
    page = large.page
    page.set_viewport_size({"width": width, "height": 800})
    name = page.request.get(f"{large.app.address}api/loras").json()["loras"][0]["name"]
    change = {"selected_loras": {name: 0.5}}
    assert page.request.put(f"{large.app.address}api/selection", data=change).ok
    page.goto("about:blank")
    open_page(page, large.app)
    expect(page.locator("#lora-controls .stack-row")).to_have_count(1)
    total, found = moved(page)
    assert total <= MOST_WHILE_LOADING, found


def test_nothing_jumps_when_the_tab_opens_and_while_one_searches(large: Large) -> None:
    page = large.page
    shifts(page)
    open_tab(page, "LoRAs")
    page.locator("#lora-tab .card[data-name]").first.wait_for()
    total, found = moved(page)
    assert total <= MOST_SHIFT, found
    page.locator(".grid-search").press_sequentially("1")
    count = page.locator(".grid-count")
    expect(count).to_contain_text(" of ")
    of_one = count.inner_text()
    page.locator(".grid-search").press_sequentially("7")
    expect(count).not_to_have_text(of_one)
    settle(page)
    page.locator(".grid-search").fill("")
    total, found = moved(page)
    assert total <= MOST_SHIFT, found


def test_no_card_is_blank_while_one_scrolls(large: Large) -> None:
    page = large.page
    open_tab(page, "LoRAs")
    page.locator("#lora-tab .card[data-name]").first.wait_for()
    found = page.evaluate(BARE, [SCROLLS, STEP])
    assert found["looked"] > SCROLLS * 3
    assert found["bare"] == 0
    assert page.evaluate("document.scrollingElement.scrollTop") > SCROLLS * STEP * 0.9
    assert page.locator("#lora-tab .card[data-name]").count() < 2 * NEAR


def test_pictures_are_fetched_only_near_the_window(large: Large) -> None:
    page = large.page
    heard_twice(page)
    assert large.thumbnails == [], "nobody looks at the library yet"
    open_tab(page, "LoRAs")
    page.locator("#lora-tab .card[data-name]").first.wait_for()
    eventually(page, lambda: len(large.thumbnails) > 0, True)
    before = all_fetched(large)
    assert before <= NEAR
    page.evaluate("document.scrollingElement.scrollTop = 30000")
    eventually(page, lambda: len(large.thumbnails) > before, True)
    assert all_fetched(large) <= before + 2 * NEAR


def all_fetched(large: Large) -> int:
    """How many pictures were asked for, once no more are."""
    asked = -1
    while len(large.thumbnails) != asked:
        asked = len(large.thumbnails)
        heard_twice(large.page)
    return asked


def test_the_last_card_is_reached_with_one_key(large: Large) -> None:
    page = large.page
    open_tab(page, "LoRAs")
    page.locator("#lora-tab .card[data-name]").first.wait_for()
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    last = page.locator(f'#lora-tab .card[aria-posinset="{LORAS}"]')
    expect(last).to_be_in_viewport()
    expect(last.locator(".card-pick")).to_be_focused()
    expect(last).to_have_attribute("aria-setsize", str(LORAS))
    page.keyboard.press("Home")
    expect(page.locator('#lora-tab .card[aria-posinset="1"] .card-pick')).to_be_focused()
