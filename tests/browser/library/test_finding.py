"""Finding a LoRA among many kinds, what the grid says when there is none, and all its details."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Error, Page, Route, expect
from safetensors.numpy import load_file, save_file

from benchmarks.library_trees import LAYERS, tensor_list, write_sparse
from tests.browser.actions import VIDEO_MS, card, choose_action, eventually, get_json, settle
from tests.browser.library.steps import READ, expect_names, names_shown
from tests.browser.running import LORAS, App, open_page, open_tab, run_app, start_app, stop_app
from tests.browser.watch import Watch
from tests.support.result_files import metadata, write_video

LARGE = "wan_fourteen_low_noise"
ODD = "odd_keys"
SELECTED = {"golden_hour": 0.8}
FOUND = """async (text) => {
  const { query, found } = await import("./lora_ui/assets/model/library_query.js");
  query.set({ text });
  return found(query).groups.flatMap(({ cards }) => cards.map(({ name }) => name));
}"""
REPORT = {"outcome": "applied", "sha256": "a" * 64, "strengths": 0.8, "coverage": {}}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Its own: the demo LoRAs, half a pair for a 14B model, one with odd keys, and a past video."""
    folder = tmp_path_factory.mktemp("finding")
    (folder / "loras").mkdir()
    layers = tensor_list(musubi=True, rank=32, layers=tuple(LAYERS)[:4])
    write_sparse(folder / "loras" / f"{LARGE}.safetensors", {"ss_network_dim": "32"}, layers)
    tensors = load_file(LORAS / "golden_hour.safetensors")
    odd = {**tensors, "mystery.layer.weight": np.zeros((2, 2), np.float32)}
    save_file(odd, folder / "loras" / f"{ODD}.safetensors")
    data = metadata(
        {"golden_hour": REPORT}, id="used1", prompt="where it was used", selected_loras=SELECTED
    )
    (folder / "outputs").mkdir()
    write_video(folder / "outputs", "used1", data)
    process, running = start_app(folder)
    yield running
    stop_app(process)


def test_the_page_finds_what_the_api_finds(page: Page, app: App) -> None:
    records = page.request.get(f"{app.address}api/loras").json()["loras"]
    golden = next(record for record in records if record["name"] == "golden_hour")

    def edit(changes: Mapping[str, object]) -> None:
        body = {"names": ["golden_hour"], "changes": changes}
        assert page.request.post(f"{app.address}api/loras/edit", data=body).ok

    edits = {"title": "Ｇｏｌｄｅｎ Straße", "notes": "ﾊﾝｶｸ notes", "tags": ["ΟΔΟΣ"]}
    edit(edits)
    open_tab(page, "LoRAs")
    names_shown(page)
    page.evaluate(READ)
    whole, short = golden["sha256"], golden["hashes"]
    asked = [
        "golden", "STRASSE", "straße", "ハンカク", "οδοσ", "demo", "safetensors", "low noise",
        whole, whole[:8].upper(), whole[:10], whole[:7], whole[1:], short[-1], short[-1][:9],
        f"golden {whole[:12]}", "odd", "nothing like it", "-golden", "golden -hour", "-", "tag:",
        "tag:οδοσ", "tag:δοσ", "-tag:οδοσ", '"low noise"', '"noise low"', "goldenhour",
        "golden-huor", "goldn", "godlen", "pixle mosiac", "-goldn", '"goldn"', "xqzwvk",
        "fits:yes", "fits:no", "-fits:yes", "fits:demo", "fits:14B", "fits:none-such", "fits:",
        f"hash:{whole[:2]}", f"-hash:{whole[:9]}", f"hash:{whole}", "hash:xyz",
        *golden["metadata"]["tags"], golden["metadata"]["description"][:30],
        golden["metadata"]["author"],
    ]  # fmt: skip
    for text in asked:
        url = f"{app.address}api/loras/search"
        found = page.request.get(url, params={"q": text, "limit": 500}).json()["names"]
        assert sorted(page.evaluate(FOUND, text)) == sorted(found), text
    assert page.evaluate(FOUND, whole[:10]) == ["golden_hour"]
    page.evaluate(FOUND, "")
    edit(dict.fromkeys(edits))


def test_a_link_that_leads_nowhere_is_named(page: Page, app: App) -> None:
    link = app.loras / "shared"
    open_tab(page, "LoRAs")
    names_shown(page)
    note = page.locator(".folder-notes")
    expect(note).to_be_hidden()
    link.symlink_to("/not/mounted")
    page.evaluate(READ)
    line = note.locator("summary")
    expect(line).to_have_text("shared is a link to '/not/mounted', which is not there.")
    line.click()
    expect(note.locator("li")).to_have_text([re.compile("or remove it")])
    link.unlink()
    eventually(page, lambda: page.evaluate(READ) or note.is_hidden(), True)


def test_the_cards_come_in_the_order_that_is_asked_for(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    names_shown(page)
    titles = page.locator("#lora-tab .card-title").all_inner_texts()
    assert titles[:-1] == sorted(titles[:-1], key=str.casefold)
    records = page.request.get(f"{app.address}api/loras").json()["loras"]
    fitting = [record for record in records if record["name"] != LARGE]
    orders = {"size": "size_mb", "newest": "upload_date"}
    for order, field in orders.items():
        page.get_by_role("combobox", name="Sort by").select_option(order)
        shown = names_shown(page)
        by_name = {record["name"]: record[field] for record in fitting}
        values = [by_name[name] for name in shown if name in by_name]
        assert values == sorted(values, reverse=True), order
        assert shown[-1] == LARGE
    names = page.get_by_role("combobox", name="Sort by").locator("option").all_inner_texts()
    assert names == ["Name", "Newest", "Last used", "Most used", "Largest"]


def test_what_was_used_comes_first(page: Page, app: App) -> None:
    task = {"model_type": "demo", "prompt": "a circle", "steps": 1}
    job = page.request.post(
        f"{app.address}api/jobs", data={**task, "selected_loras": {"pixel_mosaic": 0.5}}
    ).json()
    address = f"{app.address}api/jobs/{job['id']}"
    eventually(page, lambda: get_json(address)["state"], "done", VIDEO_MS)
    open_tab(page, "LoRAs")
    for order in ("used", "count"):
        page.get_by_role("combobox", name="Sort by").select_option(order)
        first = page.locator("#lora-tab .card[data-name]").first
        expect(first).to_have_attribute("data-name", "pixel_mosaic")


def test_the_count_says_what_a_typo_was_taken_for(page: Page) -> None:
    open_tab(page, "LoRAs")
    names_shown(page)
    page.get_by_role("searchbox", name="Search the library").fill("goldn")
    expect_names(page, "golden_hour")
    line = page.locator("#lora-tab .grid-count")
    expect(line).to_contain_text("Nothing has “goldn”. Showing “golden”")


def test_families_and_experts_are_filters(page: Page) -> None:
    open_tab(page, "LoRAs")
    names_shown(page)
    page.get_by_role("button", name="Family").click()
    panel = page.get_by_role("dialog", name="Family")
    panel.get_by_label("Wan 14B").check()
    page.keyboard.press("Escape")
    expect_names(page, LARGE)
    expect(card(page, LARGE).locator(".badge")).to_have_text("Low")
    expect(card(page, LARGE)).to_contain_text("Wan 14B")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name="Pair", exact=True).click()
    expect_names(page, "lightning_4step", "neon_outline")
    page.get_by_role("button", name="Low", exact=True).click()
    expect_names(page, "lightning_4step", "neon_outline", LARGE)


def test_there_are_three_densities(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    sizes = []
    for name in ("List", "Grid", "Large pictures"):
        page.get_by_role("button", name=name, exact=True).click()
        settle(page)
        box = card(page, "golden_hour").bounding_box()
        assert box is not None
        sizes.append((round(box["width"]), round(box["height"])))
    rows, medium, large = sizes
    assert rows[1] < medium[1] < large[1]
    assert medium[0] < large[0] < rows[0]
    open_page(page, app)
    open_tab(page, "LoRAs")
    expect(page.locator("#lora-tab .cards")).to_have_attribute("data-density", "large")


def test_the_grid_says_that_it_is_being_read_and_what_went_wrong(
    page: Page, app: App, watch: Watch
) -> None:
    watch.expected += ["net::ERR_FAILED", "Failed to load resource"]
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/loras/cards", hold)
    open_page(page, app)
    open_tab(page, "LoRAs")
    expect(page.locator(".card-skeleton").first).to_be_visible()
    expect(page.locator(".grid-empty")).to_contain_text("Reading the library")
    for route in held:
        with suppress(Error):  # one that the page gave up by itself
            route.abort()
    problem = page.locator(".grid-empty")
    expect(problem).to_contain_text("The server cannot be reached.")
    expect(problem).to_contain_text("Check that the program is still running")
    page.unroute("**/api/loras/cards")
    problem.get_by_role("button", name="Try again").click()
    expect(card(page, "golden_hour")).to_be_visible()
    expect(problem).to_be_empty()


def test_an_empty_library_says_how_to_fill_it(page: Page, tmp_path: Path) -> None:
    (tmp_path / "loras").mkdir()
    process, empty = run_app(tmp_path)
    try:
        other = page.context.new_page()
        open_page(other, empty)
        other.get_by_role("tab", name="LoRAs").click()
        expect(other.locator(".grid-empty")).to_contain_text("The library is empty.")
        expect(other.locator(".grid-empty")).to_contain_text("anywhere on this tab")
        other.close()
    finally:
        stop_app(process)


def test_trigger_words_are_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_tab(page, "LoRAs")
    choose_action(page, "neon_outline", "Copy trigger words")
    expect(page.locator(".toast")).to_contain_text("Trigger words copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "neon outline"


def test_details_name_the_keys_that_are_not_used(page: Page) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, ODD, "Details")
    sheet = page.get_by_role("dialog")
    sheet.locator("summary", has_text="1 unknown key").click()
    expect(sheet.locator(".keys")).to_contain_text("mystery.layer.weight")
    facts = sheet.locator(".details-file")
    for fact in ("Rank", "Layout", "SHA-256", "Number format", "Layers"):
        expect(facts.locator("dt", has_text=fact).first).to_be_visible()


def test_details_stay_as_they_are_while_the_library_is_read(page: Page, watch: Watch) -> None:
    watch.expected += ["net::ERR_FAILED", "Failed to load resource"]
    details = "**/api/loras/details*"

    def read() -> None:
        with page.expect_event("requestfinished", lambda it: "/loras/details" in it.url):
            page.evaluate(READ)

    open_tab(page, "LoRAs")
    choose_action(page, ODD, "Details")
    sheet = page.get_by_role("dialog")
    sheet.locator("summary", has_text="1 unknown key").click()
    read()
    read()  # by now what the first one brought has been shown
    expect(sheet.locator(".keys")).to_be_visible()
    expect(sheet.locator("summary", has_text="1 unknown key")).to_be_focused()
    page.route(details, lambda route: route.abort())
    with page.expect_event("requestfailed", lambda it: "/loras/details" in it.url):
        page.evaluate(READ)
    page.unroute(details)
    read()
    expect(sheet.locator(".keys")).to_be_visible()


def test_selecting_in_the_details_keeps_the_keyboard(page: Page) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "golden_hour", "Details")
    sheet = page.get_by_role("dialog")
    expect(sheet.locator(".details-file")).to_be_visible()
    sheet.get_by_role("button", name="Select", exact=True).press("Enter")
    expect(sheet.get_by_role("button", name="Remove from the selection")).to_be_focused()
    page.keyboard.press("Enter")
    expect(sheet.get_by_role("button", name="Select", exact=True)).to_be_focused()


def test_details_show_the_videos_it_was_used_in(page: Page) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "golden_hour", "Details")
    uses = page.get_by_role("dialog").locator(".details-uses")
    expect(uses.locator("img")).to_have_attribute("alt", "where it was used, seed 7")

    def picture_is_there() -> bool:
        uses.locator("img").scroll_into_view_if_needed()  # the panel may have been drawn anew
        return bool(uses.locator("img").evaluate("(image) => image.naturalWidth > 0"))

    eventually(page, picture_is_there, True)
    expect(uses.locator("a")).to_have_attribute("href", re.compile("api/results/used1/video"))
