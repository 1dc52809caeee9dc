"""Sets, accelerators and comparisons on the generate tab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Response, expect

from tests.browser.actions import (
    VIDEO_MS,
    eventually,
    fill,
    get_json,
    known,
    saved,
    stack_row,
    type_strength,
    write_prompt,
)
from tests.browser.generate.steps import TAKE, add, choose_model, expect_order, switch
from tests.browser.running import App, open_page

BATCH_MS = 3 * VIDEO_MS


def open_sets(page: Page) -> None:
    page.locator("#lora-controls").get_by_role("button", name="Sets", exact=True).click()
    page.locator(".dialog-sets .set-import").wait_for()


def close_dialog(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Close").click()


def set_row(page: Page, name: str) -> Any:
    return page.locator(f'.set[data-name="{name}"]')


def test_a_set_is_saved_applied_appended_renamed_exported_and_deleted(
    page: Page, tmp_path: Path
) -> None:
    add(page, "golden_hour", "pixel_mosaic")
    type_strength(page, "golden_hour", "0.4")
    switch(page, "pixel_mosaic").click()
    open_sets(page)
    page.get_by_label("Save the stack").fill("evening")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(set_row(page, "evening")).to_contain_text("Golden Hour 0.4")
    close_dialog(page)
    page.locator("#lora-controls").get_by_role("button", name="Clear", exact=True).click()
    add(page, "neon_outline")
    open_sets(page)
    page.get_by_role("button", name="Append the set evening").click()
    expect_order(page, "neon_outline", "golden_hour", "pixel_mosaic")
    open_sets(page)
    page.get_by_role("button", name="Apply the set evening").click()
    expect_order(page, "golden_hour", "pixel_mosaic")
    expect(stack_row(page, "golden_hour").locator('input[type="text"]')).to_have_value("0.4")
    expect(switch(page, "pixel_mosaic")).to_have_attribute("aria-checked", "false")
    page.locator(".toast").get_by_role("button", name="Undo").last.click()
    expect_order(page, "neon_outline", "golden_hour", "pixel_mosaic")

    open_sets(page)
    page.get_by_role("button", name="More for the set evening").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("New name").fill("night")
    page.get_by_role("dialog").last.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="More for the set night").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Export").click()
    file = tmp_path / "night.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["name"] == "night"
    page.get_by_role("button", name="More for the set night").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(set_row(page, "night")).to_have_count(0)
    page.locator(".toast").get_by_role("button", name="Undo").last.click()
    expect(set_row(page, "night")).to_have_count(1)
    page.locator("#set-file").set_input_files(file)
    expect(set_row(page, "night 2")).to_have_count(1)


def keep_set(page: Page, app: App, name: str, *loras: dict[str, Any]) -> None:
    data = {"name": name, "loras": list(loras), "replace": True}
    assert page.request.post(f"{app.address}api/sets", data=data).ok


def apply_set(page: Page, name: str) -> Any:
    """Apply a set; gives the stack that the server then has."""
    open_sets(page)
    with page.expect_response(saves_the_stack) as answer:
        page.get_by_role("button", name=f"Apply the set {name}").click()
    return answer.value.json()["stack"]


def saves_the_stack(answer: Response) -> bool:
    asked = answer.request
    return asked.method == "PATCH" and '"add":true' in (asked.post_data or "")


def test_a_set_leaves_the_words_of_what_stays(page: Page, app: App) -> None:
    prompt = page.locator("#prompt textarea")
    write_prompt(page, "a circle")
    add(page, "neon_outline")
    expect(prompt).to_have_value("a circle, neon outline")
    loras = [{"name": name, "strength": 0.5} for name in ("golden_hour", "neon_outline")]
    keep_set(page, app, "words stay", *loras)
    stack = apply_set(page, "words stay")
    expect(prompt).to_have_value("a circle, neon outline, golden hour light")
    assert [item["name"] for item in stack] == ["golden_hour", "neon_outline"]
    page.locator(".toast").get_by_role("button", name="Undo").last.click()
    expect(prompt).to_have_value("a circle, neon outline")
    expect_order(page, "neon_outline")


def test_words_come_once_a_lora_of_a_set_is_switched_on(page: Page, app: App) -> None:
    prompt = page.locator("#prompt textarea")
    write_prompt(page, "a circle")
    off = {"name": "golden_hour", "strength": 0.5, "on": False}
    keep_set(page, app, "words later", off, {"name": "neon_outline", "strength": 0.5})
    stack = apply_set(page, "words later")
    assert [item["words"] for item in stack] == [[], ["neon outline"]]
    expect(prompt).to_have_value("a circle, neon outline")
    switch(page, "golden_hour").click()
    expect(prompt).to_have_value("a circle, neon outline, golden hour light")


def test_an_lset_of_wangp_is_imported(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "from wangp.lset"
    lset = {
        "loras": [
            "neon_outline_high_noise.safetensors",
            "neon_outline_low_noise.safetensors",
            "not_here.safetensors",
        ],
        "loras_mult": "1;0 0;0.5 0.8",
        "prompt": "# my preset\na fox",
        "full_prompt": True,
    }
    file.write_text(json.dumps(lset))
    open_sets(page)
    page.locator("#set-file").set_input_files(file)
    row = set_row(page, "from wangp")
    expect(row).to_contain_text("1 LoRA not in the library")
    page.locator(".toast").get_by_role("button", name="Use its prompt").click()
    expect(page.locator("#prompt textarea")).to_have_value("a fox")
    page.get_by_role("button", name="Apply the set from wangp").click()
    boxes = stack_row(page, "neon_outline").locator('input[type="text"]')
    expect(boxes.first).to_have_value("1.0")
    expect(boxes.last).to_have_value("0.5")
    expect(switch(page, "not_here")).to_have_attribute("aria-checked", "false")


def test_an_accelerator_is_applied_and_put_back(page: Page, app: App) -> None:
    fill(page, steps=17, guidance=3.5, guidance_2=3, flow_shift=5)
    add(page, "golden_hour", "lightning_4step")
    type_strength(page, "golden_hour", "0.6")
    values = {"steps": "4", "guidance": "1", "guidance-2": "1", "flow-shift": "3"}
    for field, value in values.items():
        expect(page.locator(f"#field-{field} input")).to_have_value(value)
    row = stack_row(page, "lightning_4step")
    fast = row.locator('input[type="text"]')
    expect(fast).to_have_value("1.0")
    use = row.get_by_role("button", name="Use its settings")
    expect(use).to_have_count(0)
    expect(page.locator('#lora-controls [data-kind="guidance"]')).to_have_count(0)
    known(page, steps=4, guidance_scale=1, guidance_scale_2=1, flow_shift=3)
    eventually(page, lambda: (saved(page, app)["accelerated"] or {}).get("name"), "lightning_4step")
    open_page(page, app)
    page.locator("#lora-controls").get_by_role("button", name="Undo").click()
    before = {"steps": "17", "guidance": "3.5", "guidance-2": "3", "flow-shift": "5"}
    for field, value in before.items():
        expect(page.locator(f"#field-{field} input")).to_have_value(value)
    expect(page.locator('.summary-warnings [data-kind="guidance"]').first).to_be_visible()
    use.click()
    expect(page.locator("#field-steps input")).to_have_value("4")
    expect(use).to_have_count(0)
    slow = stack_row(page, "golden_hour").locator('input[type="text"]')
    expect(slow).to_have_value("0.6")


def test_what_an_accelerator_replaced_goes_with_the_form(page: Page) -> None:
    add(page, "lightning_4step")
    use = stack_row(page, "lightning_4step").get_by_role("button", name="Use its settings")
    back = page.locator("#lora-controls").get_by_role("button", name="Undo")
    expect(back).to_be_visible()
    choose_model(page, "TI2V-5B")
    expect(back).to_be_hidden()
    expect(stack_row(page, "lightning_4step").locator(".stack-misfit")).to_be_visible()
    expect(use).to_have_count(0)
    expect(page.locator('#lora-controls [data-kind="guidance"]')).to_have_count(0)
    choose_model(page, "Demo")
    use.click()
    expect(back).to_be_visible()
    page.evaluate(TAKE, {"lightning_4step": 1.0})
    expect(back).to_be_hidden()


def test_a_person_marks_an_accelerator(page: Page) -> None:
    add(page, "pixel_mosaic")
    row = stack_row(page, "pixel_mosaic")
    row.get_by_role("button", name="More for").click()
    page.get_by_role("menuitem", name="This is an accelerator").click()
    expect(row.locator(".badge-fast")).to_be_visible()
    row.get_by_role("button", name="More for").click()
    page.get_by_role("menuitem", name="Not an accelerator").click()
    expect(row.locator(".badge-fast")).to_have_count(0)


def test_with_and_without_are_made_of_one_seed(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, steps=2)
    add(page, "golden_hour")
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        page.get_by_role("button", name="With and without").click()
    job_id = asked.value.json()["id"]
    parts = page.locator("#run-panel .cell")
    expect(parts).to_have_count(2)
    expect(parts.locator("video")).to_have_count(2, timeout=BATCH_MS)
    expect(page.locator(".cell-label")).to_have_text(["Without LoRAs", "With LoRAs"])
    job = get_json(f"{app.address}api/jobs/{job_id}")
    tasks = [part["result"]["task"] for part in job["parts"]]
    assert tasks[0]["seed"] == tasks[1]["seed"]
    assert [list(task["selected_loras"]) for task in tasks] == [[], ["golden_hour"]]
    apart = """() => {
        const times = [...document.querySelectorAll('.cell video')].map((v) => v.currentTime);
        return times[0] > 0.2 && Math.abs(times[0] - times[1]) < 0.2;
    }"""
    page.wait_for_function(apart)
    open_page(page, app)
    expect(page.locator(".cell video")).to_have_count(2)


def test_a_strength_sweep_is_one_job_and_survives_a_reload(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, steps=3, seed=9)
    add(page, "golden_hour", "pixel_mosaic")
    type_strength(page, "pixel_mosaic", "0.3")
    page.get_by_role("button", name="Strength sweep").click()
    dialog = page.get_by_role("dialog")
    strengths = dialog.get_by_label("Strengths to try")
    expect(strengths).to_have_value("0, 0.25, 0.5, 0.75, 1")
    strengths.fill("much")
    expect(dialog.get_by_role("button", name="Make")).to_be_disabled()
    expect(dialog.get_by_role("group", name="Columns")).to_contain_text("Write numbers")
    strengths.fill("0, ½, 1")
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        dialog.get_by_role("button", name="Make 3 videos").click()
    job_id = asked.value.json()["id"]
    expect(page.locator(".cell")).to_have_count(3)
    page.locator(".cell img, .cell video").first.wait_for(timeout=BATCH_MS)
    open_page(page, app)  # in the middle of the run
    expect(page.locator(".cell")).to_have_count(3)
    expect(page.locator(".cell video")).to_have_count(3, timeout=BATCH_MS)
    job = get_json(f"{app.address}api/jobs/{job_id}")
    found = [part["result"]["task"]["selected_loras"] for part in job["parts"]]
    assert [loras["golden_hour"] for loras in found] == [0.0, 0.5, 1.0]
    assert {loras["pixel_mosaic"] for loras in found} == {0.3}
    assert {part["result"]["task"]["seed"] for part in job["parts"]} == {9}
    expect(page.locator(".cell-label").nth(1)).to_have_text("Golden Hour 0.5")
