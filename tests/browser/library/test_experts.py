"""The question for which expert a LoRA is, and the halves that are offered for one."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.actions import card, choose_action, expect_no_overflow, get_json, pick, upload
from tests.browser.library.steps import one_demo_lora
from tests.browser.running import App, open_tab


def expert_of(app: App, name: str) -> str:
    record = get_json(f"{app.address}api/loras/details?name={name}&model=demo")["record"]
    return str(record["expert"])


def test_which_expert_is_asked_wherever_the_lora_is(page: Page, app: App, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "high_motion"))
    row = page.locator(".upload", has_text="high_motion")
    expect(row).to_contain_text("expert not known yet")
    expect(row.get_by_role("group", name="Which expert?")).to_be_visible()
    item = card(page, "high_motion")
    expect(item.get_by_role("group", name="Which expert?")).to_be_visible()
    expect(item.locator(".badge-unsure")).to_have_text("Expert?")
    pick(page, "high_motion")
    expect(page.locator(".tab-stack .summary-warnings")).to_contain_text("may be for one expert")
    open_tab(page, "Generate")
    controls = page.locator("#lora-controls")
    expect(controls.locator(".summary-warnings")).to_contain_text("goes to both until you say")
    controls.get_by_role("button", name="is for low noise").click()
    expect(controls.get_by_role("group", name="Which expert?")).to_have_count(0)
    expect(controls.locator(".badge-low")).to_be_visible()
    assert expert_of(app, "high_motion") == "low"
    page.get_by_role("button", name="Undo").click()
    expect(controls.get_by_role("group", name="Which expert?")).to_be_visible()
    assert expert_of(app, "high_motion") == "unsure"
    open_tab(page, "LoRAs")
    item.get_by_role("button", name="is for both experts").click()
    expect(item.get_by_role("group")).to_have_count(0)
    expect(item.locator(".badge-both")).to_be_visible()
    expect(item.locator(".card-pick")).to_be_focused()
    assert expert_of(app, "high_motion") == "both"


def test_the_question_has_room_in_every_density(page: Page, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "high_motion"))
    item = card(page, "high_motion")
    for density in ("List", "Large pictures", "Grid"):
        page.get_by_role("button", name=density, exact=True).click()
        question = item.get_by_role("group", name="Which expert?")
        expect(question).to_be_visible()
        inner, outer = question.bounding_box(), item.bounding_box()
        assert inner is not None
        assert outer is not None
        assert outer["x"] <= inner["x"]
        assert outer["y"] <= inner["y"]
        assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        assert inner["y"] + inner["height"] <= outer["y"] + outer["height"]
        middle = inner["y"] + inner["height"] / 2, outer["y"] + outer["height"] / 2
        assert density == "List" or middle[0] < middle[1]  # a click into the card selects it
        expect_no_overflow(page)


def test_halves_are_offered_and_one_click_pairs_them(page: Page, app: App, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    names = ("vase_HIGH_e10", "vase_HIGH_e20", "vase_LOW_e30")
    upload(page, *(one_demo_lora(tmp_path, name) for name in names))
    for name in names:
        expect(card(page, name)).to_be_visible()
    expect(card(page, "vase_LOW_e30")).to_contain_text("2 files may be it")
    choose_action(page, "vase_LOW_e30", "Details")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Is this its high-noise half?")
    dialog.get_by_role("button", name="Pair with vase_HIGH_e20").click()
    expect(card(page, "vase_e20")).to_be_visible()
    record = get_json(f"{app.address}api/loras/details?name=vase_e20&model=demo")["record"]
    assert record["files"] == {
        "high": "vase_HIGH_e20.safetensors",
        "low": "vase_LOW_e30.safetensors",
    }
    page.get_by_role("button", name="Undo").click()
    expect(card(page, "vase_LOW_e30")).to_be_visible()


def test_a_pair_of_other_epochs_says_which_files(page: Page, tmp_path: Path) -> None:
    open_tab(page, "LoRAs")
    upload(page, *(one_demo_lora(tmp_path, name) for name in ("jar_HIGH_e10", "jar_LOW_e20")))
    expect(card(page, "jar")).to_contain_text(
        "High noise: jar_HIGH_e10.safetensors. Low noise: jar_LOW_e20.safetensors."
    )
    choose_action(page, "jar", "Details")
    expect(page.get_by_role("dialog")).to_contain_text("Low noise: jar_LOW_e20.safetensors.")
