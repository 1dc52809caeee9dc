"""Small clips are enlarged by whole factors, on their own colours instead of black bars."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import generate, settle, wait_for_video, write_prompt
from tests.browser.looks import DESK_LIGHT, PHONE, Look, context_for
from tests.browser.running import App, open_page

# The factor by which `object-fit: contain` enlarges a clip, in pixels of the screen.
FACTOR = """(media) => {
    const box = media.getBoundingClientRect();
    const fits = Math.min(box.width / media.videoWidth, box.height / media.videoHeight);
    return fits * devicePixelRatio;
}"""
DENSE = Look("dense", {"width": 1100, "height": 760}, "dark", 1.25)


@pytest.fixture(scope="module")
def made(app: App, browser: Browser) -> str:
    """The id of a video that there is."""
    page = browser.new_context().new_page()
    open_page(page, app)
    write_prompt(page)
    job_id = generate(page)
    wait_for_video(page, job_id)
    page.context.close()
    return job_id


def factor(video: Locator) -> float:
    video.wait_for()
    expect(video).not_to_have_js_property("videoWidth", 0)
    return round(float(video.evaluate(FACTOR)), 3)


def is_sharp(page: Page, video: Locator) -> None:
    settle(page)
    found = factor(video)
    assert found == int(found) >= 1
    expect(video).to_have_css("image-rendering", "pixelated")


@pytest.mark.parametrize("look", [DESK_LIGHT, DENSE, PHONE], ids=lambda look: look.name)
def test_a_finished_video_is_sharp(app: App, browser: Browser, made: str, look: Look) -> None:
    page = context_for(browser, look).new_page()
    open_page(page, app)
    run = page.locator(".run-video")
    is_sharp(page, run)
    stage = page.locator(".run-stage")
    behind = stage.evaluate("(stage) => getComputedStyle(stage, '::before').backgroundImage")
    assert f"/api/results/{made}/poster" in behind
    page.evaluate(f"location.hash = '#video/{made}'")
    is_sharp(page, page.locator(".viewer-video"))
    page.context.close()


def test_the_factor_follows_the_room(app: App, browser: Browser, made: str) -> None:
    page = context_for(browser, DESK_LIGHT).new_page()
    open_page(page, app)
    video = page.locator(".run-video")
    large = factor(video)
    page.set_viewport_size({"width": 1360, "height": 500})
    settle(page)
    small = factor(video)
    assert int(large) == large > small == int(small)
    page.context.close()
