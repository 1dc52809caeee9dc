"""What a host may give the extension, and what is not there where it gives nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Response, expect

from tests.browser.actions import drag
from tests.browser.hosts.running import GRADIO, HOSTS, Host, running, with_demo_loras
from tests.browser.hosts.steps import Visit, card, cards, controls, library, open_tab, pick, row
from tests.support.result_files import metadata, write_video


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = with_demo_loras(tmp_path_factory.mktemp("callbacks"))
    (folder / "videos").mkdir()
    for name in ("golden_hour", "pixel_mosaic"):
        write_video(folder / "videos", name, metadata())
    with running(folder, [str(HOSTS / "callbacks.py")], GRADIO) as found:
        yield found


@pytest.fixture
def page(host: Host, visit: Visit) -> Page:
    """The host's page, with nothing selected."""
    found = visit(host.address)
    card(found, "golden_hour").wait_for()
    return found


# On the page itself, with nothing that has the focus.
PASTE = """(name) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File(["x"], name));
    const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
    return event.defaultPrevented;
}"""


def field(page: Page, label: str) -> Locator:
    return page.get_by_label(label, exact=True)


def press(page: Page, name: str) -> None:
    controls(page).get_by_role("button", name=name).click()


def details(page: Page, name: str) -> Locator:
    card(page, name).locator(".card-menu").click()
    page.get_by_role("menuitem", name="Details", exact=True).click()
    return page.locator("dialog")


def test_trigger_words_go_into_the_hosts_prompt_and_out_again(page: Page) -> None:
    field(page, "Prompt").fill("a fox")
    pick(page, "golden_hour")
    expect(field(page, "Prompt")).to_have_value("a fox, golden hour light")
    pick(page, "golden_hour", on=False)
    expect(field(page, "Prompt")).to_have_value("a fox")


def test_a_lora_that_is_written_into_the_prompt_is_selected(page: Page) -> None:
    field(page, "Prompt").fill("a fox <lora:pixel_mosaic:0.7>")
    field(page, "Prompt").blur()
    expect(row(page, "pixel_mosaic").locator('input[type="text"]')).to_have_value("0.7")
    expect(field(page, "Prompt")).to_have_value("a fox, pixel mosaic")


def test_a_bracket_in_the_hosts_prompt_offers_loras(page: Page) -> None:
    box = field(page, "Prompt")
    box.press_sequentially("a fox <pix")
    options = page.get_by_role("listbox", name="LoRAs").get_by_role("option")
    expect(options).to_have_count(1)
    box.press("Enter")
    expect(row(page, "pixel_mosaic")).to_be_visible()
    expect(box).to_have_value("a fox, pixel mosaic")


def test_an_accelerators_settings_fill_the_fields_that_there_are(page: Page) -> None:
    pick(page, "lightning_4step")
    expect(field(page, "Steps")).to_have_value("4")
    expect(field(page, "Guidance")).to_have_value("1")
    expect(controls(page).locator(".accelerated p")).to_have_text(
        "The settings of Lightning 4-Step are in use. Before: 20 steps, guidance 4"
    )
    press(page, "Undo")
    expect(field(page, "Steps")).to_have_value("20")
    expect(field(page, "Guidance")).to_have_value("4")


def test_a_comparison_is_made_by_the_host(page: Page) -> None:
    field(page, "Prompt").fill("a golden hour light")
    pick(page, "golden_hour")
    press(page, "With and without")
    parts = [
        {"label": "Without LoRAs", "loras": {}},
        {"label": "With LoRAs", "loras": {"golden_hour": 1}},
    ]
    wanted = json.dumps(["a golden hour light", parts], sort_keys=True)
    expect(field(page, "Compared")).to_have_value(wanted)
    press(page, "Strength sweep")
    page.get_by_label("Strengths to try").fill("0, 1/2")
    page.get_by_role("button", name="Make 2 videos").click()
    parts = [
        {"label": "golden_hour 0", "loras": {"golden_hour": 0}},
        {"label": "golden_hour 0.5", "loras": {"golden_hour": 0.5}},
    ]
    wanted = json.dumps(["a golden hour light", parts], sort_keys=True)
    expect(field(page, "Compared")).to_have_value(wanted)


def test_a_lora_is_tried_by_the_host(page: Page) -> None:
    field(page, "Prompt").fill("a quiet evening")
    card(page, "golden_hour").locator(".card-menu").click()
    page.get_by_role("menuitem", name="Try it").click()
    parts = [
        {"label": "Without Golden Hour", "loras": {}},
        {"label": "With Golden Hour", "loras": {"golden_hour": 1}},
    ]
    wanted = json.dumps(["a quiet evening", parts], sort_keys=True)
    expect(field(page, "Compared")).to_have_value(wanted)
    page.get_by_role("button", name="More for the library").click()
    expect(page.get_by_role("menuitem", name="Rescan folder")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Make previews")).to_have_count(0)


def test_the_hosts_videos_are_in_the_details_and_give_thumbnails(page: Page) -> None:
    link = details(page, "golden_hour").get_by_role("link", name="golden_hour.mp4")
    answer = page.request.get(str(link.evaluate("(link) => link.href")))
    assert answer.headers["content-type"] == "video/mp4"
    page.keyboard.press("Escape")
    card(page, "golden_hour").locator(".card-menu").click()
    page.get_by_role("menuitem", name="Set thumbnail").click()
    page.get_by_role("button", name="golden_hour.mp4").click()
    expect(page.locator(".toast").last).to_contain_text("has a new picture")


def test_a_tab_finds_its_selection_again_without_a_cookie(page: Page) -> None:
    pick(page, "golden_hour")
    with page.expect_response(is_saved):
        pick(page, "pixel_mosaic")
    for _ in range(2):
        page.context.clear_cookies()
        page.reload()
        for name in ("golden_hour", "pixel_mosaic"):
            expect(row(page, name)).to_be_visible()


def is_saved(answer: Response) -> bool:
    asked = answer.request
    return asked.method == "PATCH" and "pixel_mosaic" in str(asked.post_data) and answer.ok


def test_a_host_that_gives_nothing_shows_nothing_of_it(workbench: Host, visit: Visit) -> None:
    page = visit(workbench.address)
    open_tab(page, "LoRAs")
    pick(page, "lightning_4step")
    expect(page.locator(".worker")).to_have_count(0)
    expect(details(page, "lightning_4step").locator(".details-uses")).to_contain_text("Not used")
    expect(page.locator("dialog .uses a")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(".card-try")).to_have_count(0)
    card(page, "lightning_4step").locator(".card-menu").click()
    expect(page.get_by_role("menuitem", name="Try it")).to_have_count(0)
    page.get_by_role("menuitem", name="Set thumbnail").click()
    expect(page.locator("dialog")).not_to_contain_text("your videos")
    page.keyboard.press("Escape")
    open_tab(page, "Generate")
    expect(row(page, "lightning_4step")).to_be_visible()
    for name in ("With and without", "Use its settings"):
        expect(controls(page).get_by_role("button", name=name)).to_have_count(0)
    row(page, "lightning_4step").get_by_role("button", name="More for").click()
    expect(page.get_by_role("menuitem", name="Details", exact=True)).to_be_visible()
    expect(page.get_by_role("menuitem", name="Strength sweep")).to_have_count(0)


def test_files_that_are_dropped_elsewhere_are_the_hosts(page: Page, host: Host) -> None:
    before = cards(page)
    file = host.folder / "elsewhere.safetensors"
    shutil.copy(host.loras / "golden_hour.safetensors", file)
    drag(page, field(page, "Compared"), file)
    assert not page.evaluate(PASTE, file.name)
    drag(page, library(page).locator(".cards"), file)
    row = page.locator(".upload").filter(has_text="elsewhere")
    expect(row).to_have_count(1)  # from the second drop alone
    expect(row).to_contain_text("Already in your library as Golden Hour")
    assert cards(page) == before
