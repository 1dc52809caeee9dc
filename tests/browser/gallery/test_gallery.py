"""The gallery: finding, looking, comparing, deleting and using again, in a real browser."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import get_json, settle, until
from tests.browser.running import App, open_tab
from tests.support.result_files import metadata, write_video

DEMO_LORA = "golden_hour"


# As when the gallery looks whether anything changed.
LOOK = """async () => {
  const { results } = await import("./ui/assets/results/results.js");
  await results.check();
}"""


def add(app: App, name: str, **changes: Any) -> Path:
    chosen = changes.get("selected_loras", {})
    reports = {
        lora: {"outcome": "applied", "sha256": "0" * 64, "strengths": strength, "coverage": {}}
        for lora, strength in chosen.items()
    }
    return write_video(app.outputs, name, metadata(reports, id=name, **changes))


@pytest.fixture
def gallery(page: Page, app: App) -> Page:
    """The gallery over three videos of its own, among whatever other tests made."""
    add(app, "fox1", prompt="a quick fox, first", selected_loras={DEMO_LORA: 0.6}, seed=101)
    add(app, "fox2", prompt="a quick fox, second", seed=102)
    add(app, "owl1", prompt='an <b>owl</b> & "friends"', seed=103)
    open_tab(page, "Gallery")
    page.locator(".result").first.wait_for()
    return page


def card(page: Page, name: str) -> Locator:
    return page.locator(f'.result[data-id="{name}"]')


def search(page: Page, text: str, *names: str) -> None:
    page.get_by_label("Search the results").fill(text)
    expect(page.locator(".result")).to_have_count(len(names))
    for name in names:
        expect(card(page, name)).to_be_visible()


def test_search_filters_and_favourites(gallery: Page) -> None:
    search(gallery, "quick FOX", "fox1", "fox2")
    search(gallery, "fox 102", "fox2")
    search(gallery, "quick fox", "fox1", "fox2")
    gallery.get_by_label("LoRA", exact=True).select_option(DEMO_LORA)
    expect(gallery.locator(".result")).to_have_count(1)
    expect(card(gallery, "fox1").locator(".result-facts")).to_contain_text("Golden Hour")
    gallery.get_by_label("LoRA", exact=True).select_option("")
    star = card(gallery, "fox2").locator('[data-action="favourite"]')
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    gallery.get_by_role("button", name="Favourites").click()
    expect(gallery.locator(".result")).to_have_count(1)
    star.click()
    expect(gallery.locator(".gallery-count")).to_have_text("")


def test_nothing_found_is_said_with_a_way_out(gallery: Page) -> None:
    search(gallery, "no such words anywhere")
    expect(gallery.locator(".gallery-empty")).to_contain_text("No video matches")


def test_a_prompt_is_text_never_markup(gallery: Page) -> None:
    search(gallery, "<b>owl", "owl1")
    title = card(gallery, "owl1").locator(".result-title")
    expect(title).to_have_text('an <b>owl</b> & "friends"')
    assert title.locator("b").count() == 0


def test_a_video_loads_only_when_it_is_opened(gallery: Page) -> None:
    search(gallery, "quick fox", "fox1", "fox2")
    assert gallery.locator("video[src*='fox1']").count() == 0
    card(gallery, "fox1").locator(".result-open").click()
    dialog = gallery.get_by_role("dialog")
    dialog.locator("video[src*='fox1']").wait_for()
    gallery.wait_for_function("document.querySelector('.viewer-video')?.currentTime > 0")
    expect(dialog.locator(".viewer-facts")).to_contain_text("101")
    expect(dialog.locator(".viewer-details")).to_contain_text("Golden Hour")
    dialog.get_by_role("button", name="Newer video").focus()
    gallery.keyboard.press("ArrowLeft")
    gallery.keyboard.press("Escape")
    expect(gallery.locator("video[src*='fox']")).to_have_count(0)


def test_a_video_is_saved_under_its_own_name(gallery: Page, app: App) -> None:
    search(gallery, "quick fox", "fox1", "fox2")
    card(gallery, "fox2").locator(".result-open").click()
    with gallery.expect_download() as saved:
        gallery.get_by_role("dialog").get_by_role("link", name="Save video").click()
    original = next(app.outputs.rglob(saved.value.suggested_filename))
    assert "fox2" in original.name
    assert saved.value.path().read_bytes() == original.read_bytes()


def test_delete_and_undo(gallery: Page, app: App) -> None:
    search(gallery, "quick fox", "fox1", "fox2")
    card(gallery, "fox1").get_by_role("button", name="Delete").click()
    expect(card(gallery, "fox1")).to_have_count(0)
    assert not (app.outputs / "fox1.mp4").exists()
    gallery.locator(".toast").get_by_role("button", name="Undo").click()
    expect(card(gallery, "fox1")).to_be_visible()
    assert (app.outputs / "fox1.mp4").exists()


def test_many_are_selected_saved_and_deleted_with_one_undo(gallery: Page, app: App) -> None:
    search(gallery, "quick fox", "fox1", "fox2")
    expect(gallery.locator(".result-day")).to_have_text(["Today"])
    bar = gallery.get_by_role("toolbar", name="Selected videos")
    expect(bar).to_be_hidden()
    gallery.locator(".result").first.get_by_role("button", name="Select").click()
    expect(bar).to_contain_text("1 video selected")
    expect(bar.get_by_role("button", name="Compare")).to_be_hidden()
    last = gallery.locator(".result").last.get_by_role("button", name="Select")
    last.click(modifiers=["Shift"])
    expect(bar).to_contain_text("2 videos selected")
    with gallery.expect_download() as saved:
        bar.get_by_role("button", name="Save as ZIP").click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert sorted(archive.namelist()) == ["fox1.mp4", "fox2.mp4"]
        assert archive.read("fox1.mp4") == (app.outputs / "fox1.mp4").read_bytes()
    bar.get_by_role("button", name="Add to set").click()
    gallery.get_by_label("Name of the set").fill("of foxes")
    gallery.get_by_role("button", name="Add", exact=True).click()
    expect(gallery.locator(".toast").last).to_have_text("1 LoRA added to the set of foxes.")
    sets = get_json(f"{app.address}api/sets")["sets"]
    (made,) = [each["loras"] for each in sets if each["name"] == "of foxes"]
    assert [(lora["name"], lora["strength"]) for lora in made] == [(DEMO_LORA, 0.6)]
    bar.get_by_role("button", name="Delete").click()
    expect(gallery.locator(".result")).to_have_count(0)
    expect(bar).to_be_hidden()
    toast = gallery.locator(".toast").filter(has_text="2 videos deleted.")
    toast.get_by_role("button", name="Undo").click()
    expect(gallery.locator(".result")).to_have_count(2)


def test_the_second_click_of_two_deletes_nothing_more(gallery: Page, app: App) -> None:
    search(gallery, "quick fox", "fox1", "fox2")
    first = gallery.locator(".result").first
    name = first.get_attribute("data-id")
    first.get_by_role("button", name="Delete").hover()
    for count in (1, 2):  # the next card is under the pointer when the second one comes
        gallery.mouse.down(click_count=count)
        gallery.mouse.up(click_count=count)
        expect(card(gallery, str(name))).to_have_count(0)
    gallery.evaluate(LOOK)
    expect(gallery.locator(".result")).to_have_count(1)
    gallery.locator(".toast").get_by_role("button", name="Undo").click()
    search(gallery, "quick fox", "fox1", "fox2")


def test_a_filter_whose_last_video_is_gone_can_be_taken_off(gallery: Page, app: App) -> None:
    add(app, "only1", prompt="the only one", selected_loras={"only here": 1.0})
    gallery.evaluate(LOOK)
    choice = gallery.get_by_label("LoRA", exact=True)
    choice.select_option("only here")
    expect(gallery.locator(".result")).to_have_count(1)
    card(gallery, "only1").get_by_role("button", name="Delete").click()
    expect(gallery.locator(".result")).to_have_count(0)
    gallery.evaluate(LOOK)
    expect(choice).to_have_value("only here")
    choice.select_option("")
    expect(card(gallery, "owl1")).to_be_visible()


def test_deleted_videos_wait_in_the_trash(gallery: Page, app: App) -> None:
    for name in ("gone1", "gone2"):
        add(app, name, prompt=f"soon <i>gone</i>, {name}")
    search(gallery, "soon gone1", "gone1")
    card(gallery, "gone1").get_by_role("button", name="Delete").click()
    expect(card(gallery, "gone1")).to_have_count(0)
    search(gallery, "soon gone2", "gone2")
    card(gallery, "gone2").get_by_role("button", name="Delete").click()
    expect(card(gallery, "gone2")).to_have_count(0)
    gallery.get_by_role("button", name="Deleted videos").click()
    dialog = gallery.get_by_role("dialog", name="Deleted videos")
    first, second = (dialog.locator(f'li[data-id="{name}"]') for name in ("gone1", "gone2"))
    expect(first).to_contain_text("soon <i>gone</i>, gone1")
    gallery.wait_for_function("document.querySelector('.trash-poster')?.naturalWidth > 0")
    second.get_by_role("button", name="Bring back").click()
    expect(second).to_have_count(0)
    assert (app.outputs / "gone2.mp4").exists()
    dialog.get_by_role("button", name="Empty the trash").click()
    gallery.get_by_role("button", name="Delete for good").click()
    expect(dialog).to_have_count(0)
    assert not (app.outputs / ".trash" / "gone1").exists()
    search(gallery, "soon <i>gone", "gone2")
    gallery.get_by_role("button", name="Deleted videos").click()
    expect(dialog).to_contain_text("Nothing is in the trash.")


def test_two_videos_are_compared_frame_by_frame(gallery: Page) -> None:
    search(gallery, "quick fox", "fox1", "fox2")
    for name in ("fox1", "fox2"):
        card(gallery, name).get_by_role("button", name="Select").click()
    gallery.get_by_role("button", name="Compare", exact=True).click()
    dialog = gallery.get_by_role("dialog")
    frame = dialog.locator(".compare-frame")
    expect(frame).to_have_text("1 / 5")
    gallery.keyboard.press("ArrowRight")
    gallery.keyboard.press("ArrowRight")
    expect(frame).to_have_text("3 / 5")
    times = "[...document.querySelectorAll('.compare-video')].map((v) => v.currentTime)"
    assert gallery.evaluate(times) == [0.3125, 0.3125]
    dialog.get_by_label("Frame", exact=True).fill("4")
    expect(frame).to_have_text("5 / 5")
    dialog.get_by_role("button", name="Play").click()
    expect(dialog.get_by_role("button", name="Pause")).to_be_visible()
    gallery.wait_for_function(f"({times}).every((time) => time > 0.2)")
    dialog.get_by_role("button", name="Pause").click()
    first, second = gallery.evaluate(times)
    assert first == second


def test_one_video_wipes_over_the_other(gallery: Page) -> None:
    search(gallery, "quick fox", "fox1", "fox2")
    for name in ("fox1", "fox2"):
        card(gallery, name).get_by_role("button", name="Select").click()
    gallery.get_by_role("button", name="Compare", exact=True).click()
    dialog = gallery.get_by_role("dialog")
    first, second = dialog.locator(".compare-video").all()
    line = dialog.get_by_label("Where the second video begins")
    expect(line).to_be_hidden()
    dialog.get_by_role("button", name="Wipe").click()
    assert first.bounding_box() == second.bounding_box()
    line.press("End")
    expect(second).to_have_css("clip-path", "inset(0px 0px 0px 100%)")
    expect(first).to_have_css("clip-path", "none")
    line.press("ArrowLeft")
    expect(second).to_have_css("clip-path", "inset(0px 0px 0px 99%)")
    expect(dialog.locator(".compare-frame")).to_have_text("1 / 5")
    dialog.get_by_role("button", name="Wipe").click()
    expect(line).to_be_hidden()
    expect(second).to_have_css("clip-path", "none")


def test_a_new_video_appears_by_itself(gallery: Page, app: App) -> None:
    search(gallery, "late heron")
    add(app, "heron", prompt="a late heron")
    expect(card(gallery, "heron")).to_be_visible()


def test_reusing_settings_restores_form_and_loras(gallery: Page, app: App) -> None:
    strength = {"high": 0.7, "low": 0.25}
    add(app, "elk", prompt="an elk", seed=555, steps=9, selected_loras={DEMO_LORA: strength})
    search(gallery, "an elk", "elk")
    card(gallery, "elk").get_by_role("button", name="Reuse the settings").click()
    expect(gallery.locator("#prompt textarea")).to_have_value("an elk")
    expect(gallery.locator("#field-seed input")).to_have_value("555")
    expect(gallery.locator("#field-steps input")).to_have_value("9")
    row = gallery.locator(f'#lora-controls .stack-row[data-name="{DEMO_LORA}"]')
    expect(row).to_be_visible()
    saved = """async ([address, wanted]) => {
        const answer = await (await fetch(address)).json();
        return JSON.stringify(answer.selected_loras) === JSON.stringify(wanted);
    }"""
    until(gallery, saved, [f"{app.address}api/selection", {DEMO_LORA: strength}])


def test_the_folder_is_told_where_none_can_be_opened(gallery: Page, app: App) -> None:
    search(gallery, "quick fox", "fox1", "fox2")
    card(gallery, "fox1").locator(".result-open").click()
    gallery.get_by_role("button", name="Show in folder").click()
    field = gallery.get_by_label("Path of the video")
    expect(field).to_have_value(str((app.outputs / "fox1.mp4").resolve()))


def test_the_gallery_fits_a_small_phone(gallery: Page) -> None:
    gallery.set_viewport_size({"width": 360, "height": 740})
    settle(gallery)
    assert gallery.evaluate("document.documentElement.scrollWidth") <= 360
    card(gallery, "fox1").locator(".result-open").click()
    gallery.get_by_role("dialog").wait_for()
    settle(gallery)
    assert gallery.evaluate("document.documentElement.scrollWidth") <= 360
    dialog = gallery.get_by_role("dialog").bounding_box()
    assert dialog is not None and dialog["x"] >= 0 and dialog["width"] <= 360


def test_marks_are_kept_by_the_program(gallery: Page, app: App) -> None:
    card(gallery, "owl1").locator('[data-action="favourite"]').click()
    expect(card(gallery, "owl1").locator('[data-action="favourite"]')).to_have_attribute(
        "aria-pressed", "true"
    )
    found = get_json(f"{app.address}api/results?favourite=true")
    assert "owl1" in [item["id"] for item in found["results"]]


def test_a_folder_that_is_out_of_reach_is_told_above_the_videos(gallery: Page, app: App) -> None:
    mark = card(gallery, "fox1").locator('[data-action="favourite"]')
    mark.click()
    expect(mark).to_have_attribute("aria-pressed", "true")
    away = app.outputs.with_name("away")
    app.outputs.rename(away)
    told = gallery.locator(".gallery-empty")
    try:
        expect(told).to_contain_text("The outputs folder is not there.")
        expect(told).to_be_in_viewport()
        expect(told).to_contain_text("Check outputs_dir")
    finally:
        away.rename(app.outputs)
    expect(told).to_be_hidden()
    expect(mark).to_have_attribute("aria-pressed", "true")
    mark.click()
    expect(mark).to_have_attribute("aria-pressed", "false")


def test_a_long_list_stays_where_it_was_when_something_changes(gallery: Page, app: App) -> None:
    """More than one page is shown; a new video comes to the front and nothing else moves."""
    for number in range(60):
        add(app, f"many{number:02}", prompt="one of many")
    search_box = gallery.get_by_label("Search the results")
    search_box.fill("one of many")
    count = gallery.locator(".gallery-count")
    expect(count).to_have_text("48 of 60 videos")
    gallery.locator(".gallery-more").scroll_into_view_if_needed()
    expect(count).to_have_text("60 videos")
    last = gallery.locator(".result").last
    last.scroll_into_view_if_needed()
    add(app, "many-new", prompt="one of many")
    expect(count).to_have_text("61 videos")
    expect(last).to_be_in_viewport()


def test_fast_scrolling_reads_on_to_the_last_video(gallery: Page, app: App) -> None:
    """At each frame to the end, so that pages arrive while the end is passed."""
    first = add(app, "flood", prompt="a flood of them")
    for number in range(300):
        shutil.copy(first, first.with_name(f"flood{number:03}.mp4"))
    gallery.get_by_label("Search the results").fill("flood of them")
    expect(gallery.locator(".gallery-count")).to_contain_text("of 301 videos")
    gallery.evaluate("""() => new Promise((done) => {
        const end = Date.now() + 60000;
        const more = document.querySelector(".gallery-more");
        const down = () => {
            scrollTo(0, document.documentElement.scrollHeight);
            if (more.hidden || Date.now() > end) done();
            else requestAnimationFrame(down);
        };
        down();
    })""")
    expect(gallery.locator(".result")).to_have_count(301)
