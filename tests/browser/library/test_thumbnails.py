"""Pictures of cards: moving on hover, chosen from a file or a finished video, and taken back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.actions import card, choose_action, drag, upload
from tests.browser.library.steps import one_demo_lora
from tests.browser.running import App, open_tab
from tests.support.result_files import metadata, write_video

LONG_ENOUGH_MS = 2000  # on a card, for its preview to begin
PLAYS = "(name) => document.querySelector(`.card[data-name='${name}'] video`)?.currentTime > 0.05"
REPORT = {"outcome": "applied", "sha256": "a" * 64, "strengths": 1, "coverage": {}}


def with_preview(page: Page, app: App, name: str) -> None:
    """A LoRA with a video beside it, as a download leaves them in the folder."""
    one_demo_lora(app.loras, name)
    write_video(app.loras.parent, "made", metadata()).rename(app.loras / f"{name}.mp4")
    assert page.request.post(f"{app.address}api/loras/refresh", data={}).ok
    open_tab(page, "LoRAs")
    expect(card(page, name).locator(".card-moves")).to_be_visible()


def colour(page: Page, name: str) -> tuple[int, ...]:
    """The middle of the picture that the card shows."""
    image = card(page, name).locator("img")
    body = page.request.get(image.get_attribute("src") or "").body()
    with Image.open(io.BytesIO(body)) as found:
        pixel: Any = found.convert("RGB").getpixel((found.width // 2, found.height // 2))
    return tuple(pixel)


def test_a_preview_plays_while_the_pointer_is_on_the_card(page: Page, app: App) -> None:
    with_preview(page, app, "moving")
    expect(card(page, "moving").locator("video")).to_have_count(0)
    card(page, "moving").hover()
    page.wait_for_function(PLAYS, arg="moving")
    page.locator("h1").hover()
    expect(card(page, "moving").locator("video")).to_have_count(0)


def test_nothing_moves_for_who_does_not_want_it(page: Page, app: App) -> None:
    with_preview(page, app, "still")
    page.emulate_media(reduced_motion="reduce")
    page.clock.install()
    card(page, "still").hover()
    page.clock.fast_forward(LONG_ENOUGH_MS)
    expect(card(page, "still").locator("video")).to_have_count(0)


def test_a_picture_is_chosen_from_a_file_and_taken_back(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (64, 64), (255, 0, 0)).save(picture)
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "pictured"))
    expect(card(page, "pictured").locator("img")).to_have_count(1)
    before = colour(page, "pictured")
    choose_action(page, "pictured", "Set thumbnail")
    dialog = page.get_by_role("dialog")
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(picture)
    expect(page.locator(".toast").last).to_contain_text("has a new picture")
    expect(dialog).to_have_count(0)
    red, green, _ = colour(page, "pictured")
    assert red > 230 and green < 40
    choose_action(page, "pictured", "Set thumbnail")
    dialog.get_by_role("button", name="Automatic").click()
    expect(page.locator(".toast").last).to_contain_text("has its own picture again")
    assert colour(page, "pictured") == before


def test_a_picture_is_dropped_on_the_dialog(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "green.png"
    Image.new("RGB", (64, 64), (0, 200, 0)).save(picture)
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "dropped on"))
    expect(card(page, "dropped on").locator("img")).to_have_count(1)
    choose_action(page, "dropped on", "Set thumbnail")
    drag(page, page.get_by_role("dialog"), picture)
    expect(page.locator(".toast").last).to_contain_text("has a new picture")
    expect(page.get_by_role("dialog")).to_have_count(0)
    red, green, _ = colour(page, "dropped on")
    assert green > 170 and red < 40


def test_a_picture_is_taken_from_a_past_video(page: Page, app: App, tmp_path: Path) -> None:
    loras = {"from the past": REPORT}
    write_video(
        app.outputs,
        "past1",
        metadata(loras, id="past1", prompt="the past one", selected_loras={"from the past": 1.0}),
    )
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "from the past"))
    image = card(page, "from the past").locator("img")
    before = image.get_attribute("src")
    page.request.get(f"{app.address}api/results/filters")  # as the gallery does
    choose_action(page, "from the past", "Set thumbnail")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Made with it")).to_be_visible()
    dialog.get_by_role("button", name="the past one, seed 7").click()
    expect(page.locator(".toast").last).to_contain_text("has a new picture")
    expect(image).not_to_have_attribute("src", before or "")


def test_the_picture_of_a_lora_that_is_gone_is_no_error_of_the_page(page: Page) -> None:
    ended = """() => new Promise((done) => {
        const picture = new Image();
        picture.onload = () => done("shown");
        picture.onerror = () => done("not shown");
        picture.src = "api/loras/thumbnail?name=gone&v=0";
    })"""
    assert page.evaluate(ended) == "not shown"
    # The console is looked at when the page is closed.
