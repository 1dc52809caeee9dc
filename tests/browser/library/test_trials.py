"""Trying a LoRA from its card, and making previews of many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.actions import (
    PROMPT,
    VIDEO_MS,
    card,
    choose_action,
    eventually,
    fill,
    known,
    nothing_runs,
    settle,
    write_prompt,
)
from tests.browser.running import App, open_page, open_tab, phone_page, start_app, stop_app
from tests.browser.watch import Watch


@pytest.fixture(scope="module")
def own_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app whose library one may change."""
    process, app = start_app(tmp_path_factory.mktemp("trials"))
    yield app
    stop_app(process)


@pytest.fixture
def page(own_app: App, browser: Browser, watch: Watch) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    page = context.new_page()
    watch.listen(page, own_app.address)
    open_page(page, own_app)
    yield page
    context.close()
    assert watch.complaints == []


def ready(page: Page, steps: int = 4) -> None:
    write_prompt(page)
    fill(page, steps=steps, seed=7)
    known(page, prompt=PROMPT, steps=steps, seed="7")
    open_tab(page, "LoRAs")


def jobs(page: Page, app: App) -> list[dict[str, object]]:
    found: list[dict[str, object]] = page.request.get(f"{app.address}api/jobs").json()
    return found


def says(page: Page, title: str) -> None:
    """The job's row in the queue says what it made, and so does its dialog."""
    page.locator("#queue-button").click()
    row = page.locator(".queue-row", has=page.locator(".queue-state", has_text=title)).first
    row.get_by_role("button", name="Open grid", exact=True).click()
    expect(page.get_by_role("dialog", name=title)).to_be_visible()


def test_previews_of_those_without_one_come_also_when_the_page_is_closed(
    page: Page, own_app: App
) -> None:
    for name in ("motion_trail", "pixel_mosaic"):
        (own_app.loras / f"{name}.preview.png").unlink()
    page.request.post(f"{own_app.address}api/loras/refresh")
    ready(page, steps=2)
    page.get_by_role("button", name="More for the library").click()
    page.get_by_role("menuitem", name="Make previews for those without one").click()
    page.get_by_role("button", name="Make 2 previews").click()
    expect(page.locator(".lora-toasts")).to_contain_text("2 previews queued.")
    later = page.context.new_page()
    page.close()
    clips = [own_app.loras / f"{name}.preview.mp4" for name in ("motion_trail", "pixel_mosaic")]
    eventually(later, lambda: all(clip.is_file() for clip in clips), True, 2 * VIDEO_MS)
    open_page(later, own_app)
    open_tab(later, "LoRAs")
    later.get_by_role("button", name="More for the library").click()
    later.get_by_role("menuitem", name="Make previews for those without one").click()
    expect(later.locator(".lora-toasts")).to_contain_text("has a picture")


def test_one_click_tries_a_lora_and_keeps_what_it_shows(page: Page, own_app: App) -> None:
    ready(page)
    before = card(page, "golden_hour").locator(".card-picture").get_attribute("src")
    card(page, "golden_hour").hover()
    page.get_by_role("button", name="Try Golden Hour").click()
    dialog = page.get_by_role("dialog", name="Try Golden Hour")
    expect(dialog.locator(".cell-label")).to_have_text(["Without Golden Hour", "With Golden Hour"])
    line = dialog.get_by_label("Where the second video begins")
    line.wait_for(timeout=2 * VIDEO_MS)
    job = jobs(page, own_app)[0]
    task, parts = job["task"], job["parts"]
    assert isinstance(task, dict) and isinstance(parts, list)
    assert task["prompt"] == f"{PROMPT}, golden hour light" and task["seed"] == 7
    assert [part["changes"].get("selected_loras") for part in parts] == [None, {"golden_hour": 1.0}]
    labels = dialog.locator(".compare-label")
    expect(labels).to_have_text(["Without Golden Hour", "With Golden Hour"])
    page.wait_for_function(
        "[...document.querySelectorAll('.compare-video')].every((v) => v.currentTime > 0)"
    )
    line.press("Home")
    clip = dialog.locator(".compare-video").nth(1)
    expect(clip).to_have_css("clip-path", "inset(0px 0px 0px 0%)")
    dialog.get_by_role("button", name="Keep as preview").click()
    expect(dialog.get_by_role("button", name="Kept as preview")).to_be_disabled()
    dialog.get_by_role("button", name="Add to the next video").click()
    expect(dialog.get_by_role("button", name="Added to the next video")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(card(page, "golden_hour").locator(".card-picture")).not_to_have_attribute(
        "src", str(before)
    )
    assert (own_app.loras / "golden_hour.preview.mp4").is_file()
    page.mouse.move(0, 0)
    card(page, "golden_hour").hover()
    card(page, "golden_hour").locator("video").wait_for()
    choose_action(page, "golden_hour", "Details")
    example = page.get_by_role("dialog").locator(".details-example")
    expect(example).to_contain_text(f"{PROMPT}, golden hour light, seed 7")
    expect(example.locator("video")).to_have_js_property("muted", True)
    page.keyboard.press("Escape")
    says(page, "Without Golden Hour · With Golden Hour")


def test_a_trial_goes_on_when_its_dialog_is_closed_and_stops_when_cancelled(
    page: Page, own_app: App
) -> None:
    ready(page, steps=200)
    choose_action(page, "motion_trail", "Try it")
    dialog = page.get_by_role("dialog", name="Try Motion Trail")
    expect(dialog).to_contain_text("You can close this.")
    page.keyboard.press("Escape")
    assert jobs(page, own_app)[0]["state"] in ("queued", "running")
    page.request.post(f"{own_app.address}api/jobs/{jobs(page, own_app)[0]['id']}/cancel")
    nothing_runs(page)
    choose_action(page, "motion_trail", "Try it")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog.locator(".run-note")).to_have_text("Cancelled")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_hidden()


def test_without_any_prompt_it_says_what_is_missing(page: Page, own_app: App) -> None:
    write_prompt(page)
    known(page, prompt=PROMPT)
    write_prompt(page, "")
    known(page, prompt="")
    before = jobs(page, own_app)
    open_tab(page, "LoRAs")
    choose_action(page, "lightning_4step", "Try it")
    expect(page.locator(".lora-toasts")).to_contain_text("Write a prompt first.")
    assert jobs(page, own_app) == before


def test_previews_of_marked_cards_are_told_at_their_end(page: Page, own_app: App) -> None:
    ready(page, steps=2)
    for name in ("neon_outline", "golden_hour"):
        card(page, name).locator(".card-mark").click()
    page.get_by_role("button", name="Make previews").click()
    page.get_by_role("button", name="Make 2 previews").click()
    expect(page.locator(".lora-toasts")).to_contain_text("2 previews made.", timeout=2 * VIDEO_MS)
    expect(card(page, "neon_outline").locator(".card-moves")).to_be_visible()
    expect(card(page, "golden_hour").locator(".card-moves")).to_be_visible()
    says(page, "Previews for 2 LoRAs")


def test_on_a_phone_a_trial_is_watched_with_a_finger(own_app: App, browser: Browser) -> None:
    page = phone_page(browser, own_app)
    ready(page, steps=2)
    choose_action(page, "golden_hour", "Try it")
    line = page.get_by_label("Where the second video begins")
    line.wait_for(timeout=2 * VIDEO_MS)
    settle(page)
    box = line.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    eventually(page, lambda: abs(int(line.input_value()) - 25) < 4, True)
    page.context.close()
