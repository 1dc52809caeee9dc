"""Every state of the page that is looked at, and how a user gets there.

Real videos are made with the demo LoRAs, so that the pictures show what a user sees.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from playwright.sync_api import Page, expect

from tests.browser.actions import (
    PROMPT,
    STEP_MS,
    VIDEO_MS,
    card,
    choose_action,
    fill,
    generate,
    known,
    pick,
    type_strength,
    upload,
    wait_for_video,
    write_prompt,
)
from tests.browser.generate.steps import add
from tests.browser.library.steps import one_demo_lora
from tests.browser.queue.steps import clear, post
from tests.browser.running import App, open_tab
from tests.support.paths import ROOT

UPLOADED = "evening walk"
LORAS = {"golden_hour": "0.9", "motion_trail": "0.6"}


State = Callable[[Page, App], None]


def generate_fresh(page: Page, app: App) -> None:
    open_tab(page, "Generate")


def generate_stack(page: Page, app: App) -> None:
    write_prompt(page)
    choose_loras(page)
    page.locator("#lora-controls .summary-total").scroll_into_view_if_needed()


def generate_done(page: Page, app: App) -> None:
    generate_stack(page, app)
    fill(page, seed=7)
    wait_for_video(page, generate(page))
    page.wait_for_function("document.querySelector('.run-video')?.currentTime > 0.8")
    page.evaluate("window.scrollTo(0, 0)")


def generate_running(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, steps=60, seed=7)
    generate(page)
    page.locator(".run-preview").wait_for(timeout=STEP_MS)


def picker(page: Page, app: App) -> None:
    page.locator("#lora-controls").get_by_role("button", name="Add LoRA").click()
    page.locator(".picker-row").first.wait_for()


def schedule(page: Page, app: App) -> None:
    add(page, "golden_hour")
    row = page.locator('#lora-controls .stack-row[data-name="golden_hour"]')
    row.get_by_role("button", name="over the steps").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Add point").click()


def sets(page: Page, app: App) -> None:
    choose_loras(page)
    page.locator("#lora-controls").get_by_role("button", name="Sets", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".set-import").wait_for()
    if page.locator('.set[data-name="evening"]').count() == 0:
        page.get_by_label("Save the stack").fill("evening")
        dialog.get_by_role("button", name="Save").click()
        page.locator('.set[data-name="evening"]').wait_for()


def comparison(page: Page, app: App) -> None:
    post(
        page,
        app,
        "api/jobs",
        task={"model_type": "demo", "prompt": PROMPT, "seed": 7, "steps": 8},
        parts=[
            {"label": f"golden_hour {value:g}", "changes": {"selected_loras": selection(value)}}
            for value in (0.0, 0.5, 1.0)
        ],
    )
    page.reload()
    page.locator(".cells video").nth(2).wait_for(timeout=3 * VIDEO_MS)
    page.locator(".cells").scroll_into_view_if_needed()


def grid_dialog(page: Page, app: App) -> None:
    write_prompt(page)
    add(page, "golden_hour")
    page.locator("#grid-button").click()
    dialog = page.get_by_role("dialog", name="Grid", exact=True)
    dialog.get_by_label("Rows: what changes").select_option("lora")
    expect(dialog.locator(".grid-cost")).to_contain_text("5 videos")


def grid_view(page: Page, app: App) -> None:
    job = post(
        page,
        app,
        "api/jobs",
        task={"model_type": "demo", "prompt": PROMPT, "steps": 4, "num_frames": 9},
        grid={
            "x": {"of": "strength", "lora": "golden_hour", "values": [0, 1]},
            "y": {"of": "seed", "lora": None, "values": [7, 8]},
        },
    )
    page.evaluate("(id) => { location.hash = `#grid/${id}`; }", job["id"])
    page.locator(".dialog-grid-view .cell video").nth(3).wait_for(timeout=4 * VIDEO_MS)


def queue(page: Page, app: App) -> None:
    post(page, app, "api/queue/pause")
    for seed in (1, 2):
        task = {"model_type": "demo", "prompt": PROMPT, "seed": seed, "steps": 2}
        post(page, app, "api/jobs", task=task)
    page.locator("#queue-button").click()
    page.locator(".queue-row").nth(1).wait_for()


def failed(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, seed="seven")
    page.locator("#generate-button").click()
    expect(page.locator(".field-problem")).to_be_in_viewport()


def loras(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    for name in LORAS:
        pick(page, name)
    page.mouse.move(0, 0)
    page.evaluate("window.scrollTo(0, 0)")


def loras_list(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    page.get_by_role("button", name="List", exact=True).click()


def loras_marked(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    for name in LORAS:
        card(page, name).locator(".card-mark").click()
    page.evaluate("window.scrollTo(0, 0)")


def loras_unfit(page: Page, app: App) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name="TI2V-5B").click()
    open_tab(page, "LoRAs")
    page.locator(".cards-heading").wait_for()


def loras_thumbnail(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "golden_hour", "Set thumbnail")
    page.get_by_role("dialog").locator(".thumbnail-videos").wait_for()


def loras_offline(page: Page, app: App) -> None:
    loras(page, app)
    page.context.set_offline(True)
    page.locator(".connection-note").wait_for()


def loras_details(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "neon_outline", "Details")
    page.get_by_role("dialog").locator(".bars").first.wait_for()


def loras_edit(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    choose_action(page, "golden_hour", "Edit details")
    page.get_by_role("dialog").get_by_label("Title").wait_for()


def loras_menu(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    page.locator('#lora-tab .card[data-name="golden_hour"] .card-menu').click()
    page.get_by_role("menu").wait_for()


def loras_trial(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, steps=2, seed=7)
    known(page, prompt=PROMPT, steps=2, seed="7")
    open_tab(page, "LoRAs")
    choose_action(page, "golden_hour", "Try it")
    page.locator(".compare-wipe").wait_for(timeout=2 * VIDEO_MS)
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()


def loras_previews(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    for name in LORAS:
        card(page, name).locator(".card-mark").click()
    page.get_by_role("button", name="Make previews").click()
    page.get_by_role("dialog").get_by_role("button", name="Make").wait_for()


def loras_uploads(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "warm evening.safetensors"
        shutil.copy(ROOT / "loras" / "golden_hour.safetensors", known)
        broken = Path(folder) / "broken.safetensors"
        broken.write_bytes(known.read_bytes()[:4000])
        upload(page, known, broken, one_demo_lora(Path(folder), UPLOADED))
        over = page.locator(".upload-asking, .upload-failed, .upload-done")
        expect(over).to_have_count(3)


def loras_nothing_found(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    page.locator('#lora-tab input[type="search"]').first.fill("no such words")
    expect(page.locator("#lora-tab .card")).to_have_count(0)


def gallery(page: Page, app: App) -> None:
    if page.request.get(f"{app.address}api/results").json()["total"] == 0:
        generate_done(page, app)
    open_tab(page, "Gallery")
    page.locator(".result").first.wait_for()


def gallery_viewer(page: Page, app: App) -> None:
    gallery(page, app)
    page.locator(".result .result-open").first.click()
    page.get_by_role("dialog").locator("video").wait_for()


STATES: Mapping[str, State] = MappingProxyType(
    {
        "generate-fresh": generate_fresh,
        "generate": generate_done,
        "generate-stack": generate_stack,
        "generate-running": generate_running,
        "generate-refused": failed,
        "picker": picker,
        "schedule": schedule,
        "sets": sets,
        "comparison": comparison,
        "grid-dialog": grid_dialog,
        "grid": grid_view,
        "queue": queue,
        "loras": loras,
        "loras-list": loras_list,
        "loras-marked": loras_marked,
        "loras-unfit": loras_unfit,
        "loras-offline": loras_offline,
        "loras-menu": loras_menu,
        "loras-details": loras_details,
        "loras-edit": loras_edit,
        "loras-thumbnail": loras_thumbnail,
        "loras-trial": loras_trial,
        "loras-previews": loras_previews,
        "loras-uploads": loras_uploads,
        "loras-nothing-found": loras_nothing_found,
        "gallery": gallery,
        "gallery-viewer": gallery_viewer,
    }
)


def choose_loras(page: Page) -> None:
    add(page, *LORAS)
    for name, strength in LORAS.items():
        type_strength(page, name, strength)


def selection(strength: float) -> dict[str, float]:
    return {"golden_hour": strength} if strength else {}


def rest(page: Page, app: App) -> None:
    """Nothing is queued or running when the next picture is made."""
    clear(page, app)
    if UPLOADED in page.request.get(f"{app.address}api/loras").text():
        post(page, app, "api/loras/delete", name=UPLOADED)
