"""A model is seen, got and removed on the page, from a hub of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.browser.actions import expect_no_overflow, write_prompt
from tests.browser.running import MODELS, PATIENCE_MS, App, open_page, open_tab, start_app, stop_app
from tests.browser.watch import Watch
from tests.support import header_only
from tests.support.hub import FIRST, REPO, FakeHub, model_files, serving

MODEL = "ti2v-5B"
DESKTOP = ViewportSize(width=1360, height=900)
PHONE = ViewportSize(width=390, height=844)


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with serving(FakeHub(REPO, model_files(400_000))) as served:
        yield served


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, hub: FakeHub) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app")
    rows = {"demo": {"path": str(MODELS / "demo")}, MODEL: {"repo": REPO, "path": "cloud"}}
    theirs = folder / "ComfyUI" / "models" / "unet"
    header_only.safetensors(
        theirs / "wan2.2_t2v_high_noise_14B.safetensors", header_only.transformer("wan2.2-t2v-A14B")
    )
    config = {"models": rows, "extra_model_paths": [str(folder / "ComfyUI")]}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        process, running = start_app(
            folder, "--config", str(folder / "config.json"), "--models-dir", str(folder / "models")
        )
    yield running
    stop_app(process)
    log = (folder / "log.txt").read_text()
    assert "Traceback" not in log, log


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(
    request: pytest.FixtureRequest, app: App, browser: Browser, hub: FakeHub, watch: Watch
) -> Iterator[Page]:
    """A page of the app; a complaint of its console fails the test."""
    hub.faults.stall = {FIRST: 100_000}
    hub.go_on.clear()
    hub.stalled.clear()
    context = browser.new_context(viewport=request.param)
    page = context.new_page()
    watch.listen(page, app.address)
    open_page(page, app)
    yield page
    context.close()
    assert watch.complaints == []


def button(card: Locator, name: str) -> Locator:
    return card.get_by_role("button", name=name)


def test_a_file_of_another_program_that_makes_no_model_is_named(page: Page) -> None:
    open_tab(page, "Models")
    page.get_by_text("Files of other programs that are not offered: 1").click()
    expect(page.get_by_text("wan2.2_t2v_high_noise_14B.safetensors: it is one")).to_be_visible()
    expect_no_overflow(page)


def test_a_model_is_chosen_got_and_removed(page: Page, hub: FakeHub) -> None:
    page.locator("#model input").click()
    option = page.get_by_role("option", name="TI2V-5B").first
    expect(option).to_have_attribute("data-mark", "not here")
    option.click()
    notice = page.locator("#batch-panel .estimate").filter(has_text="is not here")
    expect(notice).to_be_visible()
    write_prompt(page, "a red circle")
    page.locator("#generate-button").click()
    expect(page.locator("#model .field-problem")).to_contain_text("is not here")
    assert hub.asked == [] or hub.asked[-1].path == "model_index.json", "choosing gets nothing"

    button(notice, "Open models").click()
    card = page.locator(".model-card").filter(has_text="Wan2.2 TI2V-5B").first
    expect(card).to_contain_text("Not here")
    expect(card).to_contain_text("MB on the disk")
    expect(card).to_contain_text(REPO)
    expect_no_overflow(page)

    button(card, "Download").click()
    expect(card).to_contain_text("Downloading:")
    expect(card.get_by_role("progressbar")).to_be_visible()
    page.reload()
    page.locator("html.studio-ready").wait_for()
    open_tab(page, "Models")
    expect(card).to_contain_text("Downloading:", timeout=PATIENCE_MS)
    button(card, "Pause").click()
    expect(card).to_contain_text("Paused")
    button(card, "Resume").click()
    expect(button(card, "Pause")).to_be_visible()
    hub.go_on.set()
    expect(card.locator(".badge")).to_have_text("Here")
    button(card, "Verify").click()
    expect(card).to_contain_text("every file is as on the hub")
    expect_no_overflow(page)

    open_tab(page, "Generate")
    expect(notice).to_be_hidden()
    open_tab(page, "Models")
    button(card, "Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(card.locator(".badge")).to_have_text("Not here")


def test_what_the_hub_refuses_is_said_on_the_card(page: Page, hub: FakeHub) -> None:
    hub.faults.refuse = (403, "GatedRepo")
    try:
        open_tab(page, "Models")
        card = page.locator(".model-card").filter(has_text="Wan2.2 TI2V-5B").first
        button(card, "Download").click()
        expect(card.locator(".model-problem").first).to_contain_text("hf auth login")
        expect_no_overflow(page)
    finally:
        hub.faults.refuse = None
