"""Strengths over the steps, drawn, typed and written, until they are in the video's metadata."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import (
    eventually,
    fill,
    generate,
    get_json,
    known,
    saved,
    settle,
    stack_row,
    task_in_video,
    type_strength,
    wait_for_video,
    write_prompt,
)
from tests.browser.generate.steps import add
from tests.browser.running import App
from utils import LoRASelection


def edit(page: Page, name: str) -> Locator:
    stack_row(page, name).get_by_role("button", name="over the steps").first.click()
    return page.get_by_role("dialog")


def test_a_curve_by_keyboard_is_in_the_video(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, steps=4, seed=3)
    add(page, "golden_hour")
    type_strength(page, "golden_hour", "1")
    known(page, steps=4)
    dialog = edit(page, "golden_hour")
    expect(dialog).to_contain_text("takes over after step 2 of 4")
    dialog.get_by_role("button", name="Add point").click()
    point = dialog.get_by_role("slider", name="point 2 of 2")
    expect(point).to_have_attribute("aria-valuetext", "from step 3: strength 1.0")
    point.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(point).to_have_attribute("aria-valuetext", "from step 4: strength 0.65")
    expect(point).to_be_focused()
    dialog.get_by_role("button", name="Use", exact=True).click()
    curve = stack_row(page, "golden_hour").locator(".strength-curve")
    expect(curve).to_contain_text("1.0 → 0.65")
    job_id = generate(page)
    wait_for_video(page, job_id)
    points = [[0.0, 1.0], [0.75, 0.65]]
    result = get_json(f"{app.address}api/jobs/{job_id}")["result"]
    task = task_in_video(Path(result["video_path"]))
    # Points for both experts are written once or twice, as the server has answered or not yet.
    found = LoRASelection.parse(task["selected_loras"]).to_plain()
    assert found == {"golden_hour": {"high": points, "low": points}}


def test_what_is_pressed_after_typing_counts(page: Page) -> None:
    add(page, "golden_hour")
    dialog = edit(page, "golden_hour")
    points = dialog.locator('input[data-field="value"]')
    expect(points).to_have_count(1)
    points.click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("0.4")
    dialog.get_by_role("button", name="Add point").click()
    expect(points).to_have_count(2)
    expect(points.first).to_have_value("0.4")


def test_tab_goes_on_after_typing(page: Page) -> None:
    add(page, "golden_hour")
    dialog = edit(page, "golden_hour")
    points = dialog.locator('input[data-field="value"]')
    dialog.get_by_role("button", name="Add point").click()
    expect(points).to_have_count(2)
    points.first.click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("0.4")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="point 1")).to_be_focused()
    expect(points.first).to_have_value("0.4")


def test_points_are_dragged_removed_and_made_constant(page: Page) -> None:
    add(page, "golden_hour")
    type_strength(page, "golden_hour", "1")
    dialog = edit(page, "golden_hour")
    dialog.get_by_role("button", name="Second half").click()
    expect(dialog.locator(".handle-dot")).to_have_count(2)
    settle(page)
    box = dialog.locator(".handle-dot").nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] - 80, box["y"] + 40, steps=4)
    page.mouse.up()
    expect(dialog.locator(".handle").nth(1)).to_be_focused()
    text = dialog.locator(".handle").nth(1).get_attribute("aria-valuetext") or ""
    step = int(text.split("step ")[1].split(":")[0])
    strength = float(text.rsplit(" ", 1)[1])
    assert step < 11
    assert strength < 1.0
    expect(dialog.get_by_label("Both experts, point 2: from step")).to_have_value(str(step))
    page.keyboard.press("Delete")
    expect(dialog.locator(".handle")).to_have_count(1)
    dialog.get_by_role("button", name="Fade out").click()
    dialog.get_by_label("Both experts, point 2: strength").fill("0,9")
    dialog.get_by_label("Both experts, point 2: strength").press("Tab")
    dialog.get_by_role("button", name="Use", exact=True).click()
    row = stack_row(page, "golden_hour")
    expect(row.locator(".strength-curve")).to_contain_text("1.0 → 0.9")
    row.get_by_role("button", name="constant again").click()
    expect(row.locator('input[type="text"]')).to_have_value("1.0")


def test_the_notation_of_wangp_is_read(page: Page, app: App) -> None:
    fill(page, steps=4)
    add(page, "neon_outline")
    known(page, steps=4)
    dialog = edit(page, "neon_outline")
    written = dialog.get_by_label("WanGP notation")
    written.fill("a lot")
    dialog.get_by_role("button", name="Read").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not a number")
    written.fill("1,0.5;0.2")
    dialog.get_by_role("button", name="Read").click()
    expect(dialog.get_by_role("slider", name="High noise, point")).to_have_count(2)
    expect(dialog.get_by_role("slider", name="Low noise, point")).to_have_count(1)
    expect(dialog.get_by_label("Separate curve per expert")).to_be_checked()
    dialog.get_by_role("button", name="Use", exact=True).click()
    expect(dialog).to_have_count(0)
    wanted = {"neon_outline": {"high": [[0.0, 1.0], [0.25, 0.5]], "low": 0.2}}
    eventually(page, lambda: saved(page, app)["selected_loras"], wanted)
