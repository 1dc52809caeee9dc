"""Grids: asked for in one dialog, made as one job, and looked at in place; the demo model."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import (
    PROMPT,
    STEP_MS,
    VIDEO_MS,
    eventually,
    fill,
    get_json,
    settle,
    stack_row,
    write_prompt,
)
from tests.browser.generate.steps import add
from tests.browser.page.steps import serious_findings
from tests.browser.queue.steps import clear, post
from tests.browser.running import App, open_page, open_tab, phone_page

GRID_MS = 4 * VIDEO_MS
STRENGTHS = {"of": "strength", "lora": "golden_hour", "values": [0, 1]}
SEEDS = {"of": "seed", "lora": None, "values": [7, 8]}
TINY = {"model_type": "demo", "prompt": PROMPT, "steps": 2, "width": 64, "height": 64}


@pytest.fixture(scope="module")
def made(app: App) -> dict[str, Any]:
    """A grid of two strengths and two seeds, made."""
    task = {**TINY, "num_frames": 9, "seed": 7, "selected_loras": {"golden_hour": 1}}
    return finished(app, submitted(app, task, STRENGTHS, SEEDS))


@pytest.fixture(autouse=True)
def nothing_waits(page: Page, app: App) -> Iterator[None]:
    yield
    for job in page.request.get(f"{app.address}api/jobs").json():
        if job["state"] in ("queued", "running"):
            clear(page, app)
            return


def submitted(app: App, task: dict[str, Any], x: Any, y: Any = None) -> str:
    body = json.dumps({"task": task, "grid": {"x": x, "y": y}}).encode()
    asked = urllib.request.Request(
        f"{app.address}api/jobs", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked) as answer:
        return str(json.load(answer)["id"])


def finished(app: App, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = {"state": "queued"}
    while job["state"] in ("queued", "running"):
        job = get_json(f"{app.address}api/jobs/{job_id}?wait=60")
    assert job["state"] == "done", job["error"]
    return job


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Grid", exact=True)


def axis(page: Page, name: str) -> Locator:
    """Columns or Rows of the dialog."""
    return dialog(page).get_by_role("group", name=name, exact=True)


def ask(page: Page) -> None:
    page.locator("#grid-button").click()
    expect(dialog(page)).to_be_visible()


def change(page: Page, name: str, what: str) -> Locator:
    """What changes along an axis."""
    group = axis(page, name)
    group.get_by_label(f"{name}: what changes").select_option(label=what)
    return group


def planned(page: Page, count: int) -> Locator:
    """The button, once the server has counted."""
    button = dialog(page).get_by_role("button", name=re.compile(rf"^Make {count} videos?$"))
    expect(button).to_be_enabled()
    return button


def grid_of(page: Page, count: int) -> dict[str, Any]:
    """Make it; gives the grid that is sent. The job is cancelled."""
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        planned(page, count).click()
    job = asked.value.json()
    assert asked.value.status == 201, job
    expect(dialog(page)).to_have_count(0)
    sent: dict[str, Any] = asked.value.request.post_data_json["grid"]
    assert page.request.post(asked.value.url + f"/{job['id']}/cancel").ok
    return sent


def view(page: Page) -> Locator:
    return page.locator(".dialog-grid-view")


def show(page: Page, app: App, job: dict[str, Any]) -> Locator:
    """The view of a grid, at its address, with all of its videos."""
    page.goto(f"{app.address}#grid/{job['id']}")
    page.reload()
    found = view(page)
    expect(found.locator(".cell video")).to_have_count(len(job["parts"]))
    return found


def cell(found: Locator, job: dict[str, Any], number: int) -> Locator:
    return found.locator(f'.cell[data-id="{job["parts"][number]["id"]}"]')


def test_any_two_things_are_on_the_axes(page: Page) -> None:
    write_prompt(page)
    fill(page, seed=5, steps=4)
    add(page, "golden_hour", "pixel_mosaic")
    ask(page)
    columns = axis(page, "Columns")
    expect(columns.get_by_label("LoRA", exact=True)).to_have_value("golden_hour")
    columns.get_by_label("Strengths to try").fill("-1, ½ and 0-1 in 3")
    expect(columns).to_contain_text("Write numbers")
    columns.get_by_label("Strengths to try").fill("-1, ½, 0-1 in 3")
    change(page, "Rows", "Seed").get_by_label("How many seeds").fill("2")
    assert grid_of(page, 8) == {
        "x": {"of": "strength", "lora": "golden_hour", "values": [-1, 0.5, 0, 1]},
        "y": {"of": "seed", "lora": None, "values": [5, 6]},
    }
    ask(page)
    experts = change(page, "Columns", "Expert")
    experts.get_by_label("LoRA", exact=True).select_option("pixel_mosaic")
    experts.get_by_label("Off").check()
    change(page, "Rows", "Steps").get_by_label("Steps to try").fill("2-4 in 2")
    assert grid_of(page, 8) == {
        "x": {"of": "expert", "lora": "pixel_mosaic", "values": ["both", "high", "low", "off"]},
        "y": {"of": "steps", "lora": None, "values": [2, 4]},
    }
    ask(page)
    change(page, "Columns", "With and without LoRAs")
    prompts = change(page, "Rows", "Prompt").get_by_label("One prompt on each line")
    prompts.fill("a red circle\n\n a green triangle ")
    assert grid_of(page, 4) == {
        "x": {"of": "loras", "lora": None, "values": ["without", "with"]},
        "y": {"of": "prompt", "lora": None, "values": ["a red circle", "a green triangle"]},
    }


def test_loras_epochs_and_accelerators_are_picked(page: Page, app: App) -> None:
    for epoch in ("000001", "000010", "000002"):
        shutil.copy(app.loras / "golden_hour.safetensors", app.loras / f"walk-{epoch}.safetensors")
    shutil.copy(app.loras / "golden_hour.safetensors", app.loras / "walk.safetensors")
    post(page, app, "api/loras/refresh")
    eventually(
        page, lambda: "walk-000010" in page.request.get(f"{app.address}api/loras").text(), True
    )
    open_page(page, app)
    write_prompt(page)
    add(page, "pixel_mosaic")
    ask(page)
    columns = change(page, "Columns", "Which LoRA or epoch")
    expect(columns.get_by_label("Where")).to_have_value("pixel_mosaic")
    columns.get_by_role("button", name="Choose LoRAs").click()
    picker = page.get_by_role("dialog", name="Choose LoRAs")
    row = picker.locator('.picker-row[data-name="walk-000002"]')
    row.click()
    expect(row).to_have_attribute("aria-pressed", "true")
    picker.get_by_role("button", name="Done").click()
    columns.get_by_role("button", name="Add 3 more epochs").click()
    expect(columns.get_by_role("button", name="more epoch")).to_have_count(0)
    columns.get_by_role("button", name="Take out Pixel Mosaic").click()
    columns.get_by_label("Also without one").check()
    change(page, "Rows", "Accelerator")
    expect(axis(page, "Rows").get_by_role("list")).to_contain_text("Lightning 4-Step")
    epochs = ["walk-000002", "walk-000001", "walk-000010", "walk"]
    assert grid_of(page, 10) == {
        "x": {"of": "lora", "lora": "pixel_mosaic", "values": [None, *epochs]},
        "y": {"of": "accelerator", "lora": None, "values": [None, "lightning_4step"]},
    }


def test_the_dialog_draws_the_grid_and_says_what_is_wrong(page: Page, axe: str) -> None:
    write_prompt(page)
    add(page, "golden_hour")
    page.get_by_role("button", name="Strength sweep").click()
    drawing = dialog(page).get_by_role("img")
    expect(drawing).to_have_attribute("aria-label", "Columns: 0, 0.25, 0.5, 0.75, 1.")
    expect(drawing.locator(".grid-drawing-tile")).to_have_count(5)
    change(page, "Rows", "With and without LoRAs")
    expect(drawing.locator(".grid-drawing-tile")).to_have_count(10)
    expect(drawing).to_contain_text("Without LoRAs")
    expect(dialog(page)).to_contain_text("Both axes change Golden Hour.")
    expect(dialog(page).get_by_role("button", name="Make 10 videos")).to_be_disabled()
    change(page, "Rows", "Seed").get_by_label("How many seeds").fill("0")
    expect(axis(page, "Rows").get_by_role("alert")).to_have_text("Write a number from 1 to 100.")
    expect(axis(page, "Columns").get_by_role("alert")).to_have_count(0)
    axis(page, "Rows").get_by_label("How many seeds").fill("100")
    change(page, "Columns", "Accelerator").get_by_role("button", name="Choose LoRAs").click()
    picker = page.get_by_role("dialog", name="Choose LoRAs")
    picker.locator('.picker-row[data-name="pixel_mosaic"]').click()
    picker.get_by_role("button", name="Done").click()
    expect(axis(page, "Columns").get_by_role("alert")).to_have_text(
        "Pixel Mosaic is not an accelerator. Choose one that is, or mark it as one."
    )
    expect(axis(page, "Rows").get_by_role("alert")).to_have_count(0)
    change(page, "Columns", "Strength of a LoRA")
    columns = axis(page, "Columns").get_by_label("Strengths to try")
    columns.fill("0-1 in 6")
    expect(dialog(page)).to_contain_text("This grid has 600 videos.")
    columns.fill("0, 1")
    planned(page, 200)
    expect(dialog(page).locator(".grid-cost")).to_contain_text(
        "Strength of Golden Hour × Seed: 200 videos"
    )
    assert serious_findings(page, axe) == []


def test_a_grid_is_asked_for_with_the_keyboard_alone(page: Page) -> None:
    write_prompt(page)
    fill(page, seed=3, steps=2)
    page.locator("#grid-button").focus()
    page.keyboard.press("Enter")
    kind = dialog(page).get_by_label("Columns: what changes")
    expect(kind).to_have_value("seed")
    kind.focus()
    page.keyboard.press("Tab")
    expect(dialog(page).get_by_label("How many seeds")).to_be_focused()
    page.keyboard.type("2")
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    planned(page, 3)
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        page.keyboard.press("Enter")
    assert asked.value.request.post_data_json["grid"]["x"]["values"] == [3, 4, 5]


def test_cells_arrive_in_place(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, width=64, height=64, frames=5, steps=40, seed=7)
    add(page, "golden_hour")
    ask(page)
    axis(page, "Columns").get_by_label("Strengths to try").fill("0, 1")
    change(page, "Rows", "Seed").get_by_label("How many seeds").fill("2")
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        planned(page, 4).click()
    job = asked.value.json()
    run = page.locator("#run-panel")
    table = run.get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(
        [re.compile("Strength of Golden Hour.*Seed", re.DOTALL), "0", "1"]
    )
    expect(table.get_by_role("rowheader")).to_have_text(["7", "8"])
    expect(cell(run, job, 3)).to_contain_text("Waiting")
    expect(cell(run, job, 0).locator("img[src*='/preview']")).to_be_visible(timeout=STEP_MS)
    expect(cell(run, job, 0).locator("video")).to_be_visible(timeout=VIDEO_MS)
    expect(run.locator(".cell video")).to_have_count(4, timeout=GRID_MS)
    expect(run.locator(".run-note")).to_contain_text("4 videos done")


def test_videos_of_a_grid_play_in_step(page: Page, app: App, made: dict[str, Any]) -> None:
    show(page, app, made)
    page.wait_for_function(
        """() => {
            const times = [...document.querySelectorAll('.dialog-grid-view video')]
                .map((video) => video.currentTime);
            return Math.min(...times) > 0.2 && Math.max(...times) - Math.min(...times) < 0.2;
        }"""
    )
    view(page).get_by_role("button", name="Pause", exact=True).click()
    page.wait_for_function(
        "[...document.querySelectorAll('.dialog-grid-view video')].every((video) => video.paused)"
    )
    view(page).get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "[...document.querySelectorAll('.dialog-grid-view video')].every((video) => !video.paused)"
    )


def test_two_cells_are_compared_with_a_wipe(page: Page, app: App, made: dict[str, Any]) -> None:
    found = show(page, app, made)
    compare = found.get_by_role("button", name="Compare", exact=True)
    for number in (0, 3):
        expect(compare).to_be_hidden()
        cell(found, made, number).get_by_role("button", name="Compare:").click()
    compare.click()
    wipe = page.get_by_role("dialog", name="Compare")
    names = [made["parts"][number]["label"] for number in (0, 3)]
    expect(wipe.locator(".compare-label")).to_have_text(names)
    expect(wipe.get_by_role("button", name="Wipe")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(found).to_be_visible()


def test_the_winner_gets_a_star_and_its_settings_are_used(
    page: Page, app: App, made: dict[str, Any]
) -> None:
    found = show(page, app, made)
    winner = cell(found, made, 3)
    star = winner.get_by_role("button", name="Favourite:")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    result = f"{app.address}api/results/{made['parts'][3]['id']}"
    assert page.request.get(result).json()["favourite"]
    page.reload()
    expect(star).to_have_attribute("aria-pressed", "true")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false")
    winner.get_by_role("button", name="Use these settings").click()
    expect(view(page)).to_have_count(0)
    expect(page.locator("#field-seed input, #field-seed textarea")).to_have_value("8")
    expect(page.locator("#field-steps input")).to_have_value("2")
    expect(stack_row(page, "golden_hour").locator('input[type="text"]')).to_have_value("1.0")


def test_a_grid_is_saved_as_picture_and_as_video(
    page: Page, app: App, made: dict[str, Any]
) -> None:
    found = show(page, app, made)
    for name, kind in (("Save as picture", "image/png"), ("Save as video", "video/mp4")):
        href = str(found.get_by_role("link", name=name).evaluate("(link) => link.href"))
        answer = page.request.get(href)
        assert answer.ok
        assert answer.headers["content-type"] == kind
    cell(found, made, 0).get_by_role("button", name="More for").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Save video").click()
    assert saved.value.suggested_filename.endswith(".mp4")


def test_retry_goes_on_with_the_cells_that_are_missing(page: Page, app: App) -> None:
    task = {**TINY, "num_frames": 5, "steps": 150, "seed": 7}
    job_id = submitted(app, task, {"of": "steps", "lora": None, "values": [1, 150]})
    job = get_json(f"{app.address}api/jobs/{job_id}")
    open_page(page, app)
    page.evaluate(f"location.hash = '#grid/{job_id}'")
    found = view(page)
    expect(cell(found, job, 0).locator("video")).to_be_visible(timeout=VIDEO_MS)
    expect(cell(found, job, 1)).to_contain_text("Generating")
    found.get_by_role("button", name="Cancel").click()
    expect(found.locator(".grid-state")).to_have_text("1 of 2 videos · Cancelled", timeout=STEP_MS)
    expect(cell(found, job, 1)).to_contain_text("Cancelled")
    first = get_json(f"{app.address}api/jobs/{job_id}")["parts"][0]
    found.get_by_role("button", name="Retry").click()
    expect(found.get_by_role("button", name="Retry")).to_be_hidden()
    expect(cell(found, job, 1)).to_contain_text("Generating", timeout=STEP_MS)
    found.get_by_role("button", name="Cancel").click()
    expect(found.locator(".grid-state")).to_contain_text("Cancelled", timeout=STEP_MS)
    assert get_json(f"{app.address}api/jobs/{job_id}")["parts"][0] == first


def test_the_gallery_and_the_queue_show_a_grid_as_one(
    page: Page, app: App, made: dict[str, Any], axe: str
) -> None:
    open_page(page, app)
    open_tab(page, "Gallery")
    cards = page.locator(f'.result-grid[data-grid="{made["id"]}"]')
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text("Grid of 4 videos")
    for part in made["parts"]:
        expect(page.locator(f'.result[data-id="{part["id"]}"]')).to_have_count(0)
    assert serious_findings(page, axe) == []
    cards.locator(".result-open").click()
    expect(view(page).get_by_role("rowheader")).to_have_text(["7", "8"])
    expect(page).to_have_url(re.compile(f"#grid/{made['id']}$"))
    page.reload()
    expect(view(page).get_by_role("rowheader")).to_have_text(["7", "8"])
    settle(page)
    assert serious_findings(page, axe) == []
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("#gallery$"))
    cards.get_by_role("button", name="Select").click()
    expect(page.locator(".gallery-bar")).to_contain_text("4 videos selected")
    cards.get_by_role("button", name="Select").click()
    page.get_by_label("Search the results").fill("golden_hour")
    expect(page.locator(f'.result[data-id="{made["parts"][0]["id"]}"]')).to_be_visible()
    page.locator("#queue-button").click()
    row = page.locator(f'.queue-row[data-id="{made["id"]}"]')
    expect(row).to_contain_text("Strength of Golden Hour × Seed")
    row.get_by_role("button", name="Open the grid").click()
    expect(view(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Open grid").click()
    expect(view(page)).to_be_visible()
    page.keyboard.press("Escape")
    row.get_by_role("button", name="Remove from the list").click()
    question = page.get_by_role("dialog", name="Remove this grid from the list?")
    expect(question).to_contain_text("Its videos stay, each on its own.")
    question.get_by_role("button", name="Keep it").click()
    expect(row).to_be_visible()


def test_a_video_leads_back_to_its_grid(page: Page, app: App, made: dict[str, Any]) -> None:
    found = show(page, app, made)
    cell(found, made, 2).get_by_role("button", name="More for").click()
    page.get_by_role("menuitem", name="Open the video").click()
    video = page.get_by_role("dialog", name="Video", exact=True)
    expect(video).to_be_visible()
    page.keyboard.press("Escape")
    expect(video).to_have_count(0)
    expect(found).to_be_visible()
    page.goto(f"{app.address}#video/{made['parts'][2]['id']}")
    page.reload()
    video.get_by_role("button", name="Open its grid").click()
    expect(video).to_have_count(0)
    expect(found.locator(".cell video")).to_have_count(4)
    expect(page).to_have_url(re.compile(f"#grid/{made['id']}$"))
    page.keyboard.press("Escape")
    expect(found).to_have_count(0)


def test_of_many_videos_those_in_sight_play(page: Page, app: App) -> None:
    task = {**TINY, "num_frames": 5, "steps": 1}
    seeds = {"of": "seed", "lora": None, "values": list(range(20, 36))}
    finished(app, submitted(app, task, seeds))
    page.set_viewport_size({"width": 1100, "height": 500})
    open_page(page, app)
    run = page.locator("#run-panel")
    expect(run.locator(".cell video")).to_have_count(16)
    last = run.locator(".cell video").last
    expect(last).to_have_js_property("paused", True)
    last.scroll_into_view_if_needed()
    expect(last).to_have_js_property("paused", False)
    expect(run.locator(".cell video").first).to_have_js_property("paused", True)


def test_what_was_deleted_stands_empty_in_its_grid(
    page: Page, app: App, made: dict[str, Any]
) -> None:
    gone = made["parts"][1]["id"]
    assert page.request.delete(f"{app.address}api/results/{gone}").ok
    try:
        page.goto(f"{app.address}#grid/{made['id']}")
        page.reload()
        found = view(page)
        expect(found.locator(".cell video")).to_have_count(3)
        expect(cell(found, made, 1)).to_contain_text("The video is not here any more.")
    finally:
        assert page.request.post(f"{app.address}api/results/{gone}/undo").ok


def test_a_grid_is_for_fingers_on_a_phone(browser: Browser, app: App, made: dict[str, Any]) -> None:
    phone = phone_page(browser, app)
    found = show(phone, app, made)
    scroll = found.locator(".cells-scroll")
    scroll.evaluate("(box) => { box.scrollLeft = 1e6; box.scrollTop = 1e6; }")
    for head in (found.get_by_role("columnheader", name="1"), found.get_by_role("rowheader").last):
        expect(head).to_be_in_viewport(ratio=0.5)
    star = cell(found, made, 3).get_by_role("button", name="Favourite:")
    box = star.bounding_box()
    assert box is not None and min(box["width"], box["height"]) >= 44
    star.tap()
    expect(star).to_have_attribute("aria-pressed", "true")
    star.tap()
    expect(star).to_have_attribute("aria-pressed", "false")
    found.get_by_role("button", name="Close").tap()
    expect(found).to_have_count(0)
    open_tab(phone, "Generate")
    write_prompt(phone)
    phone.locator("#grid-button").tap()
    change(phone, "Columns", "Steps").get_by_label("Steps to try").fill("1, 2")
    change(phone, "Rows", "Seed").get_by_label("How many seeds").fill("2")
    make = planned(phone, 4)
    box = make.bounding_box()
    assert box is not None and box["height"] >= 44
    with phone.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        make.tap()
    assert asked.value.status == 201
    expect(phone.locator("#run-panel").get_by_role("rowheader")).to_have_count(2)
    phone.context.close()
